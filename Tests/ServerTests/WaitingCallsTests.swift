import System
import Testing

@testable import flow_manager

/// Who waits for what, on a clock that exists on paper only. Callers are their names.
@Suite struct WaitsTests {
    private var waits = WaitingCalls<String>()
    private var now = Monotonic(sinceBoot: .seconds(1_000))

    private mutating func add(_ caller: String, for run: String, seconds: Int = 50) {
        waits.add(caller, for: run, until: now + .seconds(seconds))
    }

    private mutating func look(after duration: Duration = .zero) -> [[String]] {
        now = now + duration
        let (new, registered) = waits.query(at: now)
        return [new.sorted(), registered.sorted()]
    }

    private mutating func dismiss(left: Set<String> = []) -> [[String]] {
        let (late, abandoned) = waits.removeExpired(at: now) { left.contains($0) }
        return [late.sorted(), abandoned.sorted()]
    }

    @Test mutating func nobodyWaitsAtFirst() {
        #expect(waits.next == nil)
        #expect(look() == [[], []])
        #expect(waits.end(["a"]) == [])
        #expect(dismiss() == [[], []])
    }

    @Test mutating func looksTwiceAndThenInEachRound() {
        #expect(look() == [[], []], "the first round")
        add("A", for: "a")
        #expect(look() == [["a"], []])
        #expect(waits.next == now + .milliseconds(50))
        #expect(look(after: .milliseconds(49)) == [[], []])
        #expect(look(after: .milliseconds(1)) == [[], ["a"]], "what was being committed at the first look")
        #expect(waits.next == now + .milliseconds(950))
        add("B", for: "b")
        #expect(look(after: .milliseconds(949)) == [["b"], []], "the others have time")
        #expect(look(after: .milliseconds(1)) == [[], ["a", "b"]])
        #expect(look(after: .milliseconds(49)) == [[], ["b"]])
        #expect(look(after: .milliseconds(900)) == [[], []])
        #expect(look(after: .seconds(10)) == [[], ["a", "b"]])
        #expect(waits.next == now + .seconds(1))
    }

    @Test mutating func whoeverWaitsForAnEndIsTakenOutOnce() {
        add("A", for: "a")
        add("A2", for: "a")
        add("B", for: "b")
        #expect(look() == [["a", "b"], []])
        #expect(waits.end(["a", "others'"]).sorted() == ["A", "A2"])
        #expect(waits.end(["a"]) == [])
        #expect(waits.all == ["b"])
        add("A3", for: "a")
        #expect(look() == [["a"], []], "it was registered for one end")
    }

    @Test mutating func nobodyWaitsLongerThanItsTime() {
        add("A", for: "a", seconds: 1)
        add("A2", for: "a", seconds: 3)
        add("B", for: "b", seconds: 2)
        _ = look()
        _ = look(after: .milliseconds(999))
        #expect(dismiss() == [[], []])
        #expect(waits.next == now + .milliseconds(1))
        now = now + .milliseconds(1)
        #expect(dismiss() == [["A"], []], "somebody else still waits for that run")
        now = now + .seconds(5)
        #expect(dismiss() == [["A2", "B"], ["a", "b"]])
        #expect(waits.next == nil && waits.all.isEmpty)
    }

    @Test mutating func whoeverHasLeftIsForgotten() {
        add("A", for: "a", seconds: 1)
        add("A2", for: "a")
        add("B", for: "b")
        #expect(dismiss(left: ["A"]) == [[], []])
        now = now + .seconds(1)
        #expect(dismiss(left: ["B"]) == [[], ["b"]], "whoever left is not answered")
        #expect(waits.end(["a", "b"]) == ["A2"])
    }
}
