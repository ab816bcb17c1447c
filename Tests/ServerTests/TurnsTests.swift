import Testing

@testable import flow_manager

/// The line in which users take turns.
@Suite struct TurnsTests {
    @Test func usersTakeTurnsAndKeepTheirOrder() {
        var line = Turns<Int>()
        for (user, elements) in [("a", [1, 2, 3]), ("b", [4]), ("c", [5, 6])] {
            for element in elements { line.add(element, for: user) }
        }
        #expect(rest(of: &line) == [1, 4, 5, 2, 6, 3])
        #expect(line.next() == nil)
    }

    @Test func userWithNothingLeftComesLastAgain() {
        var line = Turns<Int>()
        line.add(1, for: "a")
        line.add(2, for: "b")
        #expect(line.next()?.element == 1)
        line.add(3, for: "a")
        #expect(rest(of: &line) == [2, 3])
    }

    private func rest(of line: inout Turns<Int>) -> [Int] {
        var elements: [Int] = []
        while let next = line.next() { elements.append(next.element) }
        return elements
    }
}
