import Glibc
import System
import Synchronization
import Testing
import WorkerPool

/// A worker with real threads and a queue in memory.
@Suite struct WorkerTests {
    /// Events, as text.
    private final class Events: Sendable {
        private let texts = Mutex<[String]>([])
        private let changed = Result { try WakeUp() }
        var all: [String] { texts.withLock(\.self) }

        func record(_ event: WorkerEvent) {
            texts.withLock { $0.append("\(event)") }
            try? changed.get().signal()
        }

        /// Waits until the last event is this one.
        func wait(for event: String) throws -> Bool {
            let deadline = Monotonic.now + .seconds(20)
            while all.last != event, deadline > .now { try changed.get().wait(until: deadline) }
            return all.last == event
        }
    }

    private let events = Events()

    /// A long interval, so that rounds do not affect tests that do not need them.
    private static let never = Duration.seconds(3600)

    private func worker(
        on queue: MemoryQueue, slots: Int = 4, exitsWhenIdle: Bool = false, round: Duration = never,
        _ adjust: (inout WorkerPolicy) -> Void = { _ in }
    ) throws -> Worker {
        var policy = WorkerPolicy(slots: slots, exitsWhenIdle: exitsWhenIdle, lease: Self.never)
        policy.round = round
        adjust(&policy)
        let worker = try Worker(policy: policy, queue: queue.access(), observe: events.record)
        try worker.start()
        return worker
    }

    private func end(_ worker: Worker) throws {
        worker.stop()
        worker.ended.wait(until: .now + .seconds(20))
        try worker.finish()
    }

    @Test func suspectRunsAreExecutedAlone() throws {
        let running = Mutex(Set<Int>())
        let together = Mutex(Set<Int>())
        let queue = try MemoryQueue { run, _ in
            let others = running.withLock { running in
                running.insert(run)
                return running.count - 1
            }
            if others > 0 { together.withLock { _ = $0.insert(run) } }
            for _ in 0..<100 { sched_yield() }
            running.withLock { running in
                if running.count > 1 { together.withLock { _ = $0.insert(run) } }
                running.remove(run)
            }
            return .settled
        }
        let suspects = Set(stride(from: 1, through: 200, by: 10))
        queue.change { contents in
            contents.suspects = suspects
            contents.due = Array(1...200)
        }
        let worker = try worker(on: queue)
        #expect(queue.wait { $0.done.count == 200 })
        try end(worker)
        #expect(together.withLock { $0.isDisjoint(with: suspects) })
        #expect(queue.contents.withLock { Set($0.done) } == Set(1...200))
    }

    @Test func noWakeUpIsLost() throws {
        let queue = try MemoryQueue()
        let worker = try worker(on: queue)
        for number in 1...10_000 {
            queue.enqueue(number)
            // Sometimes the worker is idle and the next run has to wake it; mostly it is about to wait, or busy.
            if number.isMultiple(of: 3) {
                #expect(queue.wait { $0.done.count == number })
            }
        }
        #expect(queue.wait { $0.done.count == 10_000 })
        try end(worker)
        queue.contents.withLock { contents in
            #expect(Set(contents.done).count == 10_000)
            #expect(contents.leased.isEmpty && contents.registered.isEmpty)
        }
    }

    @Test func noWakeUpIsLostWithTwoWorkers() throws {
        let queue = try MemoryQueue()
        let workers = try (0..<2).map { _ in try worker(on: queue, slots: 2) }
        for number in 1...2_000 { queue.enqueue(number) }
        #expect(queue.wait { $0.done.count == 2_000 })
        for worker in workers { try end(worker) }
    }

    @Test func oneNotificationWakesAllSlots() throws {
        // No run ends before all have begun.
        let begun = Atomic(0)
        let gate = try WakeUp()
        let queue = try MemoryQueue { _, _ in
            if begun.add(1, ordering: .sequentiallyConsistent).newValue == 5 { gate.signal() }
            _ = readable(among: [gate.descriptor], until: .now + .seconds(20))
            return .settled
        }
        let worker = try worker(on: queue, slots: 5)
        #expect(queue.wait { $0.registered.count == 1 })
        // One notification, for the first run.
        queue.enqueue(1, 2, 3, 4, 5)
        #expect(queue.wait { $0.done.count == 5 })
        #expect(gate.clear())
        try end(worker)
    }

    @Test func anIdleWorkerDoesNothingBetweenRounds() throws {
        let queue = try MemoryQueue()
        let worker = try worker(on: queue)
        #expect(queue.wait { $0.registered.count == 1 && $0.polls > 0 })
        try end(worker)
        queue.contents.withLock { contents in
            // Two when the first poll began before the process was registered.
            #expect((1...2).contains(contents.polls))
            #expect(contents.registrations == 1 && contents.rescues == 1 && contents.renewals.isEmpty)
        }
    }

    @Test func aRunWithoutANotificationIsFoundInARound() throws {
        let queue = try MemoryQueue()
        let worker = try worker(on: queue, round: .milliseconds(20))
        #expect(queue.wait { $0.registered.count == 1 })
        queue.change { $0.due.append(1) }
        #expect(queue.wait { $0.done == [1] })
        try end(worker)
    }

    @Test func aRunThatBecomesDueBetweenRoundsIsClaimed() throws {
        let queue = try MemoryQueue()
        let worker = try worker(on: queue)
        #expect(queue.wait { $0.registered.count == 1 && $0.polls > 0 })
        queue.change { $0.scheduled = (1, .now + .milliseconds(30)) }
        // A worker is notified, and finds that the run is not due yet.
        queue.contents.withLock { $0.registered.popLast() }?.signal()
        #expect(queue.wait { $0.done == [1] })
        try end(worker)
    }

    @Test func allLeasesAreRenewedAndALostOneInterruptsItsRun() throws {
        let queue = try MemoryQueue { run, flag in
            try flag.wait(for: run == 2 ? .atOnce : .afterStep)
            return .unfinished
        }
        let worker = try worker(on: queue, round: .milliseconds(20))
        queue.enqueue(1, 2, 3)
        #expect(queue.wait { $0.leased.count == 3 })
        let leases = queue.contents.withLock { Set($0.leased.keys) }
        #expect(queue.wait { $0.renewals.contains(leases) })
        queue.change { contents in contents.leased = contents.leased.filter { $0.value != 2 } }
        // The other two leases are still renewed, the lost one is not.
        #expect(queue.wait { $0.renewals.last == Set($0.leased.keys) && $0.leased.count == 2 })
        try end(worker)
        #expect(Set(queue.contents.withLock(\.released)) == [1, 3])
    }

    @Test func aRunWhoseLeaseCouldNotBeRenewedIsInterrupted() throws {
        let ended = try WakeUp()
        let queue = try MemoryQueue { _, flag in
            try flag.wait(for: .atOnce)
            ended.signal()
            return .unfinished
        }
        let worker = try worker(on: queue, round: .milliseconds(20)) {
            ($0.lease, $0.grace) = (.milliseconds(100), .zero)
            ($0.pause, $0.recoveryTime) = (.milliseconds(10), .zero)
        }
        queue.enqueue(1)
        #expect(queue.wait { !$0.leased.isEmpty })
        queue.change { $0.isAvailable = false }
        let deadline = Monotonic.now + .seconds(20)
        ended.wait(until: deadline)
        #expect(deadline > .now)
        #expect(events.all.first == "queueUnavailable(WorkerPoolTests.MemoryQueue.Unavailable())")
        let polls = queue.contents.withLock(\.polls)
        queue.change { $0.isAvailable = true }
        #expect(queue.wait { $0.released == [1] && $0.polls > polls })
        #expect(try events.wait(for: "queueAvailable"))
        try end(worker)
    }

    @Test func runsOfDeadWorkersAreRescued() throws {
        let queue = try MemoryQueue()
        queue.change { $0.toRescue = [1, 2, 3] }
        let worker = try worker(on: queue, slots: 2)
        #expect(queue.wait { $0.done.count == 3 })
        try end(worker)
        #expect(events.all == ["rescued(3)"])
    }
}

extension WorkerTests {
    @Test func stoppingReleasesUnfinishedRuns() throws {
        let queue = try MemoryQueue { _, flag in
            try flag.wait(for: .afterStep)
            return .unfinished
        }
        let worker = try worker(on: queue)
        queue.enqueue(1, 2, 3, 4, 5)
        #expect(queue.wait { $0.leased.count == 4 })
        try end(worker)
        queue.contents.withLock { contents in
            #expect(Set(contents.released) == [1, 2, 3, 4])
            #expect(Set(contents.due) == [1, 2, 3, 4, 5])
            #expect(contents.leased.isEmpty && contents.registered.isEmpty)
        }
        #expect(events.all.isEmpty)
    }

    @Test func aStepThatExceedsTheGracePeriodIsInterrupted() throws {
        let begun = try WakeUp()
        let queue = try MemoryQueue { _, flag in
            begun.signal()
            try flag.wait(for: .atOnce)
            return .unfinished
        }
        let worker = try worker(on: queue) { $0.grace = .milliseconds(50) }
        queue.enqueue(1)
        begun.wait(until: .now + .seconds(20))
        try end(worker)
        #expect(queue.contents.withLock(\.released) == [1])
    }

    @Test func aStepThatDoesNotEndIsAbandoned() throws {
        let (begun, gate) = (try WakeUp(), try WakeUp())
        let queue = try MemoryQueue { _, _ in
            begun.signal()
            gate.wait()
            return .settled
        }
        let worker = try worker(on: queue) { ($0.grace, $0.abortTimeout) = (.milliseconds(20), .milliseconds(20)) }
        queue.enqueue(1)
        begun.wait(until: .now + .seconds(20))
        #expect(throws: StepAbandoned.self) { try end(worker) }
        gate.signal()
        worker.ended.wait(until: .now + .seconds(20))
        try worker.finish()
        #expect(queue.contents.withLock(\.done) == [1])
    }

    @Test func aRunThatFailsKeepsItsLease() throws {
        let queue = try MemoryQueue { run, _ in run == 1 ? .failed(MemoryQueue.Unavailable()) : .settled }
        let worker = try worker(on: queue, slots: 1)
        queue.enqueue(1, 2)
        #expect(queue.wait { $0.done == [2] })
        try end(worker)
        #expect(Array(queue.contents.withLock(\.leased).values) == [1])
        #expect(events.all == ["runFailed(WorkerPoolTests.MemoryQueue.Unavailable())"])
    }

    /// The log has one line about a queue that fails for each run, and none that it is available in between.
    @Test func failuresOfTheQueueAreReportedOnce() throws {
        let queue = try MemoryQueue { run, _ in
            if run > 0 { throw MemoryQueue.Unavailable() }
            return .settled
        }
        let worker = try worker(on: queue, slots: 2, round: .milliseconds(5)) { $0.pause = .milliseconds(1) }
        for run in 1...6 { queue.enqueue(run, -run) }
        #expect(queue.wait { $0.done.count == 6 && $0.leased.count == 6 })
        try end(worker)
        #expect(events.all == ["queueUnavailable(WorkerPoolTests.MemoryQueue.Unavailable())"])
    }

    @Test(arguments: [0, 1, 500])
    func drainingEndsWhenTheQueueIsEmpty(count: Int) throws {
        let queue = try MemoryQueue()
        for number in 0..<count { queue.enqueue(number) }
        queue.change { $0.toRescue = [-1] }
        let worker = try worker(on: queue, exitsWhenIdle: true)
        let deadline = Monotonic.now + .seconds(20)
        worker.ended.wait(until: deadline)
        #expect(deadline > .now)
        try worker.finish()
        queue.contents.withLock { contents in
            #expect(Set(contents.done) == Set(-1..<count))
            #expect(contents.registrations == 0)
        }
    }

    @Test func drainingReportsAnUnavailableQueue() throws {
        let queue = try MemoryQueue()
        queue.change { $0.isAvailable = false }
        let worker = try worker(on: queue, exitsWhenIdle: true)
        worker.ended.wait(until: .now + .seconds(20))
        #expect(throws: MemoryQueue.Unavailable.self) { try worker.finish() }
    }
}
