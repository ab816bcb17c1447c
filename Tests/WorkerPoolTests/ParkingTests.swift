import Synchronization
import System
import Testing
import WorkerPool

/// Runs that keep their lease and wait without a slot.
@Suite struct ParkingTests {
    private let now = Monotonic(sinceBoot: .seconds(1000))
    private var state = WorkerState(policy: WorkerPolicy(slots: 2))
    private let lease = Lease(run: "run", token: "1")

    @discardableResult
    private mutating func handle(_ event: WorkerState.Event, after time: Duration = .zero) -> [WorkerState.Action] {
        state.handle(event, at: now + time)
    }

    /// Slot 0 has parked its run, and both slots have found nothing since.
    private mutating func park(isSuspect: Bool = false) {
        handle(.round)
        #expect(state.order(for: 0) == .poll)
        handle(.found(slot: 0, lease: lease, isSuspect: isSuspect, requested: now))
        handle(.parked(slot: 0))
        for slot in 0..<2 where state.order(for: slot) == .poll { handle(.foundNothing(slot: slot)) }
    }

    @Test mutating func aParkedRunKeepsItsLeaseAndNoSlot() {
        park()
        #expect(state.leases == [lease])
        for slot in 0..<2 { #expect(state.order(for: slot) == .wait) }
        #expect(handle(.ready(lease)) == [.wake(slot: 0)])
        #expect(state.order(for: 0) == .resume(lease))
        handle(.resumed(slot: 0))
        #expect(state.leases == [lease])
        handle(.finished(slot: 0))
        #expect(state.leases == [])
    }

    /// A slot that is busy when the run becomes ready continues it before it polls.
    @Test mutating func aReadyRunIsContinuedBeforeOthersAreClaimed() {
        park()
        handle(.round)
        #expect(state.order(for: 0) == .poll)
        handle(.ready(lease))
        handle(.found(slot: 0, lease: Lease(run: "other", token: "2"), requested: now))
        handle(.finished(slot: 0))
        #expect(state.order(for: 0) == .resume(lease))
    }

    @Test mutating func aLostOrExpiredLeaseInterruptsTheParkedRun() {
        park()
        #expect(handle(.renewed([lease], lost: [lease], requested: now)) == [.interruptParked(lease, .atOnce)])
        handle(.renewed([lease], lost: [], requested: now + .seconds(5)))
        #expect(!handle(.round, after: .seconds(12)).contains(.interruptParked(lease, .atOnce)))
        #expect(handle(.round, after: .seconds(15)).contains(.interruptParked(lease, .atOnce)))
    }

    @Test mutating func aWorkerThatStopsWaitsForItsParkedRuns() {
        park()
        #expect(handle(.stop).contains(.interruptParked(lease, .afterStep)))
        #expect(state.order(for: 0) == .wait)
        #expect(handle(.stop).contains(.interruptParked(lease, .atOnce)))
        #expect(handle(.ready(lease)).contains(.wake(slot: 0)))
        #expect(state.order(for: 0) == .resume(lease))
        #expect(handle(.resumed(slot: 0)).contains(.wake(slot: 1)))
        #expect(state.permission(for: 0, isResumed: true) == .run)
        #expect(state.order(for: 1) == .stop)
    }

    @Test mutating func aSuspectRunIsContinuedAlone() {
        park(isSuspect: true)
        handle(.notified)
        #expect(state.order(for: 1) == .wait)
        handle(.round)
        let other = (0..<2).first { state.order(for: $0) == .poll } ?? 0
        handle(.found(slot: other, lease: Lease(run: "other", token: "2"), requested: now))
        handle(.ready(lease))
        #expect(state.order(for: 1 - other) == .resume(lease))
        #expect(handle(.resumed(slot: 1 - other)).contains(.interrupt(slot: other, .afterStep)))
        #expect(state.permission(for: 1 - other, isResumed: true) == .wait)
        handle(.finished(slot: other))
        #expect(state.permission(for: 1 - other, isResumed: true) == .run)
    }

    /// Twenty parked runs wait at once on two slots, and another run is executed at the same time.
    @Test func parkedRunsOccupyNoSlot() throws {
        let begun = Mutex<[@Sendable () -> Void]>([])
        let parked = Mutex<Set<Int>>([])
        let allParked = try WakeUp()
        let queue = try MemoryQueue { run, _ in
            guard run <= 20, parked.withLock({ $0.insert(run).inserted }) else { return .settled }
            return .parked { ready in
                let count = begun.withLock {
                    $0.append(ready)
                    return $0.count
                }
                if count == 20 { allParked.signal() }
            }
        }
        let worker = try Worker(
            policy: WorkerPolicy(slots: 2), queue: queue.access(), observe: { _ in })
        try worker.start()
        queue.change { $0.due = Array(1...21) }
        #expect(queue.wait { $0.done == [21] })
        // The other slot may still be about to park its run.
        allParked.wait(until: .now + .seconds(20))
        for ready in begun.withLock({ $0 }) { ready() }
        #expect(queue.wait { $0.done.count == 21 })
        worker.stop()
        worker.ended.wait(until: .now + .seconds(20))
        try worker.finish()
    }

    /// A call that has not begun is ready as soon as it is interrupted, on the same thread.
    @Test func aParkedRunMayBeReadyWhenItIsInterrupted() throws {
        let parked = try WakeUp()
        let hasParked = Atomic<Bool>(false)
        let queue = try MemoryQueue { _, flag in
            guard !hasParked.exchange(true, ordering: .relaxed) else { return .unfinished }
            return .parked { ready in
                flag.whenRaised(ready)
                parked.signal()
            }
        }
        let worker = try Worker(policy: WorkerPolicy(slots: 1), queue: queue.access(), observe: { _ in })
        try worker.start()
        queue.change { $0.due = [1] }
        parked.wait(until: .now + .seconds(20))
        worker.stop()
        worker.ended.wait(until: .now + .seconds(20))
        try worker.finish()
        #expect(queue.contents.withLock(\.released) == [1])
    }
}
