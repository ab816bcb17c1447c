import System
import Testing

@testable import flow_manager

/// Calls that wait for runs, on a simulated clock. Callers are represented by their names.
@Suite struct WaitsTests {
    private var waits = WaitingCalls<String>()
    private var now = Monotonic(sinceBoot: .seconds(1_000))

    private mutating func add(_ caller: String, for run: String, seconds: Int = 50) {
        waits.add(caller, for: run, until: now + .seconds(seconds))
    }

    private mutating func query(after duration: Duration = .zero) -> [[String]] {
        now = now + duration
        let (new, registered) = waits.query(at: now)
        return [new.sorted(), registered.sorted()]
    }

    private mutating func removeExpired(disconnected: Set<String> = []) -> [[String]] {
        let (late, abandoned) = waits.removeExpired(at: now) { disconnected.contains($0) }
        return [late.sorted(), abandoned.sorted()]
    }

    @Test mutating func startsWithoutCalls() {
        #expect(waits.next == nil)
        #expect(query() == [[], []])
        #expect(waits.end(["a"]) == [])
        #expect(removeExpired() == [[], []])
    }

    @Test mutating func newRunIsQueriedTwiceAndThenInEachRound() {
        #expect(query() == [[], []], "the first round")
        add("A", for: "a")
        #expect(query() == [["a"], []])
        #expect(waits.next == now + .milliseconds(50))
        #expect(query(after: .milliseconds(49)) == [[], []])
        #expect(query(after: .milliseconds(1)) == [[], ["a"]], "an end may have been uncommitted at the first query")
        #expect(waits.next == now + .milliseconds(950))
        add("B", for: "b")
        #expect(query(after: .milliseconds(949)) == [["b"], []], "the other run is not due")
        #expect(query(after: .milliseconds(1)) == [[], ["a", "b"]])
        #expect(query(after: .milliseconds(49)) == [[], ["b"]])
        #expect(query(after: .milliseconds(900)) == [[], []])
        #expect(query(after: .seconds(10)) == [[], ["a", "b"]])
        #expect(waits.next == now + .seconds(1))
    }

    @Test mutating func callersOfAnEndedRunAreReturnedOnce() {
        add("A", for: "a")
        add("A2", for: "a")
        add("B", for: "b")
        #expect(query() == [["a", "b"], []])
        #expect(waits.end(["a", "others'"]).sorted() == ["A", "A2"])
        #expect(waits.end(["a"]) == [])
        #expect(waits.all == ["b"])
        add("A3", for: "a")
        #expect(query() == [["a"], []], "the run is registered again")
    }

    @Test mutating func callersAreRemovedAtTheirDeadline() {
        add("A", for: "a", seconds: 1)
        add("A2", for: "a", seconds: 3)
        add("B", for: "b", seconds: 2)
        _ = query()
        _ = query(after: .milliseconds(999))
        #expect(removeExpired() == [[], []])
        #expect(waits.next == now + .milliseconds(1))
        now = now + .milliseconds(1)
        #expect(removeExpired() == [["A"], []], "another caller still waits for that run")
        now = now + .seconds(5)
        #expect(removeExpired() == [["A2", "B"], ["a", "b"]])
        #expect(waits.next == nil && waits.all.isEmpty)
    }

    @Test mutating func disconnectedCallersAreRemoved() {
        add("A", for: "a", seconds: 1)
        add("A2", for: "a")
        add("B", for: "b")
        #expect(removeExpired(disconnected: ["A"]) == [[], []])
        now = now + .seconds(1)
        #expect(removeExpired(disconnected: ["B"]) == [[], ["b"]], "a disconnected caller is not answered")
        #expect(waits.end(["a", "b"]) == ["A2"])
    }
}
