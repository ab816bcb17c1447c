import System
import Synchronization
import Testing
import WorkerPool

/// The schedule of duties.
@Suite struct MaintenanceTests {
    private struct Refused: Error {}

    private let start = Monotonic(sinceBoot: .seconds(100))

    /// The calls of duties, in order.
    private final class Calls {
        var names: [String] = []
        var events: [String] = []
        func record(_ event: WorkerEvent) { events.append("\(event)") }
    }

    private let calls = Calls()

    private func duty(
        _ name: String, every seconds: Int, initialDelay: ClosedRange<Double> = 0...0,
        body: @escaping () throws -> Duty.Progress = { .done }
    ) -> Duty {
        Duty(name, every: .seconds(seconds), initialDelay: initialDelay) { [calls] _ in
            calls.names.append(name)
            return try body()
        }
    }

    /// The duties called at each of these seconds after the start.
    private func run(_ duties: [Duty], at seconds: [Int]) -> [[String]] {
        var maintenance = Maintenance(duties, from: start)
        return seconds.map { second in
            calls.names = []
            maintenance.run(at: start + .seconds(second), observe: calls.record)
            return calls.names
        }
    }

    @Test func eachDutyIsCalledAtItsInterval() {
        let seen = run([duty("a", every: 1), duty("b", every: 3)], at: [0, 1, 2, 3, 4, 5, 6])
        #expect(seen == [["a", "b"], ["a"], ["a"], ["a", "b"], ["a"], ["a"], ["a", "b"]])
    }

    @Test func missedIntervalsAreSkipped() {
        #expect(run([duty("a", every: 10)], at: [0, 95, 96, 104, 105]) == [["a"], ["a"], [], [], ["a"]])
    }

    @Test func theInitialDelayIsRandomWithinItsRange() {
        for _ in 0..<100 {
            let seen = run([duty("a", every: 100, initialDelay: 0.1...1)], at: [0, 9, 100])
            #expect(seen == [[], [], ["a"]])
        }
        let starts = (0..<100).map { _ in
            run([duty("a", every: 100, initialDelay: 0.1...1)], at: Array(10...100)).firstIndex(of: ["a"])
        }
        #expect(Set(starts).count > 10)
    }

    @Test func unfinishedWorkContinuesInTheNextRoundAndKeepsItsInterval() {
        var parts = 0
        let work = duty("a", every: 10) {
            parts += 1
            return parts.isMultiple(of: 3) ? .done : .unfinished
        }
        let calls = run([work], at: Array(0...13)).map(\.count)
        #expect(calls == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0])
    }

    @Test func anUnfinishedDutyMayDelayTheExit() {
        for delays in [true, false] {
            var left = 2
            let work = Duty("a", every: .seconds(1), delaysExit: delays) { _ in
                left -= 1
                if left < 0 { throw Refused() }
                return left > 0 ? .unfinished : .done
            }
            var maintenance = Maintenance([work], from: start)
            let seen = (0...2).map { second in
                maintenance.run(at: start + .seconds(second), observe: calls.record)
                return maintenance.delaysExit
            }
            #expect(seen == [delays, false, false])
        }
    }

    @Test func aDutyThatFailsIsReportedOnceAndDoesNotAffectOthers() {
        var failures = 2
        let failing = duty("a", every: 10) {
            failures -= 1
            if failures >= 0 { throw Refused() }
            return .done
        }
        let seen = run([failing, duty("b", every: 1)], at: [0, 1, 2, 3])
        #expect(seen == [["a", "b"], ["a", "b"], ["a", "b"], ["b"]])
        #expect(calls.events.count == 1 && calls.events[0].hasPrefix("dutyFailed(\"a\""))
    }
}

/// Duties on the threads of a worker.
@Suite struct WorkerDutyTests {
    private struct Refused: Error {}

    private func end(_ worker: Worker) throws {
        worker.stop()
        worker.ended.wait(until: .now + .seconds(20))
        try worker.finish()
    }

    private func policy(round: Duration) -> WorkerPolicy {
        var policy = WorkerPolicy(slots: 1)
        policy.round = round
        return policy
    }

    @Test func dutiesAreCalledInRoundsUntilTheWorkerEnds() throws {
        let third = try WakeUp()
        let count = Atomic(0)
        let queue = try MemoryQueue()
        let access = queue.access {
            [
                Duty("count", every: .zero) { _ in
                    if count.add(1, ordering: .relaxed).newValue == 3 { third.signal() }
                    return .done
                }
            ]
        }
        let worker = try Worker(policy: policy(round: .milliseconds(10)), queue: access, observe: { _ in })
        try worker.start()
        let deadline = Monotonic.now + .seconds(20)
        third.wait(until: deadline)
        #expect(deadline > .now)
        try end(worker)
        #expect(count.load(ordering: .relaxed) >= 3)
    }

    @Test func aFailureIsReportedAndTheWorkerContinues() throws {
        let failed = try WakeUp()
        let events = Mutex<[String]>([])
        let queue = try MemoryQueue()
        let access = queue.access { [Duty("fail", every: .zero) { _ in throw Refused() }] }
        let worker = try Worker(policy: policy(round: .milliseconds(10)), queue: access) { event in
            if case .dutyFailed("fail", _) = event { events.withLock { $0.append("\(event)") } }
            failed.signal()
        }
        try worker.start()
        failed.wait(until: .now + .seconds(20))
        queue.enqueue(1)
        #expect(queue.wait { $0.done == [1] && $0.rescues > 2 })
        try end(worker)
        #expect(events.withLock(\.count) == 1)
    }
}
