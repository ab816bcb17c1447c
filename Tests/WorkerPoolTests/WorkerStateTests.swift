import System
import Testing
import WorkerPool

/// The decisions of a worker, with simulated slots and a simulated clock.
@Suite struct WorkerStateTests {
    private var now = Monotonic(sinceBoot: .seconds(1000))
    private var state: WorkerState

    init() {
        state = WorkerState(policy: WorkerPolicy(slots: 3))
    }

    /// Three slots that found nothing after the process was registered.
    private static func idle() -> WorkerStateTests {
        var tests = WorkerStateTests()
        tests.handle(.round)
        tests.poll(0)
        tests.handle(.foundNothing(slot: 0))
        tests.handle(.registered)
        tests.poll(0)
        tests.handle(.foundNothing(slot: 0))
        return tests
    }

    @discardableResult
    private mutating func handle(_ event: WorkerState.Event) -> [WorkerState.Action] {
        state.handle(event, at: now)
    }

    @discardableResult
    private mutating func advance(_ duration: Duration) -> [WorkerState.Action] {
        now = now + duration
        return handle(.round)
    }

    /// Lets the slot poll, as ordered.
    private mutating func poll(_ slot: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        let order = state.order(for: slot)
        #expect(order == .poll, sourceLocation: sourceLocation)
    }

    private func lease(_ slot: Int) -> Lease {
        Lease(run: "run \(slot)", token: "\(slot)")
    }

    /// Lets the slot find a run with a lease that has the number of the slot.
    @discardableResult
    private mutating func find(_ slot: Int) -> [WorkerState.Action] {
        poll(slot)
        return handle(.found(slot: slot, lease: lease(slot), requested: now))
    }

    @Test mutating func noSlotPollsBeforeTheFirstRound() {
        for slot in 0..<3 { #expect(state.order(for: slot) == .wait) }
        #expect(!state.needsRegistration)
        #expect(handle(.round) == [.wake(slot: 0)])
        #expect(handle(.round) == [])
        poll(0)
        #expect(state.order(for: 1) == .wait)
    }

    @Test mutating func eachSlotThatFindsARunWakesTheNext() {
        handle(.round)
        #expect(find(0) == [.wake(slot: 1)])
        #expect(find(1) == [.wake(slot: 2)])
        #expect(find(2) == [])
        #expect(state.leases == (0..<3).map(lease))
    }

    @Test mutating func aFinishedSlotPollsAgain() {
        handle(.round)
        find(0)
        handle(.finished(slot: 0))
        #expect(state.leases == [])
        poll(0)
    }

    @Test mutating func aSlotWaitsAfterPollingWhileRegistered() {
        handle(.round)
        poll(0)
        #expect(handle(.foundNothing(slot: 0)) == [.wakeKeeper])
        #expect(state.needsRegistration)
        #expect(handle(.registered) == [.wake(slot: 0)])
        #expect(!state.needsRegistration)
        poll(0)
        #expect(handle(.foundNothing(slot: 0)) == [])
        #expect(state.order(for: 0) == .wait)
    }

    @Test mutating func aPollThatBeganBeforeTheRegistrationIsRepeated() {
        state = WorkerState(policy: WorkerPolicy(slots: 1))
        handle(.round)
        poll(0)
        handle(.registered)
        #expect(handle(.foundNothing(slot: 0)) == [])
        poll(0)
    }

    @Test mutating func aPollCountsOnlyForItsRegistration() {
        self = .idle()
        handle(.round)
        poll(0)
        handle(.notified)
        find(1)
        poll(2)
        handle(.foundNothing(slot: 2))
        handle(.registered)
        handle(.foundNothing(slot: 0))
        poll(0)
        handle(.foundNothing(slot: 0))
        #expect(state.order(for: 0) == .wait)
    }

    @Test mutating func aNotificationWakesOneSlotOnce() {
        self = .idle()
        #expect(handle(.notified) == [.wake(slot: 0)])
        #expect(state.needsRegistration)
        #expect(find(0) == [.wake(slot: 1)])
        handle(.registered)
        poll(1)
        #expect(handle(.foundNothing(slot: 1)) == [])
    }

    @Test mutating func aRoundWakesOneSlot() {
        self = .idle()
        #expect(advance(.seconds(1)) == [.wake(slot: 0)])
        #expect(advance(.seconds(1)) == [])
    }

    @Test mutating func slotsPauseForLongerAfterEachFailureOfTheQueue() {
        self = .idle()
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            advance(.seconds(1))
            poll(0)
            handle(.queueFailed(slot: 0))
            handle(.notified)
            for _ in 1..<seconds { #expect(advance(.seconds(1)).isEmpty) }
        }
        advance(.seconds(1))
        find(0)
        poll(1)
        handle(.foundNothing(slot: 1))
        handle(.finished(slot: 0))
        poll(0)
        handle(.queueFailed(slot: 0))
        #expect(advance(.seconds(1)) == [.wake(slot: 0)], "a run that ended ends the pauses")
    }

    @Test mutating func aSlotPollsWhenTheNextRunIsDue() {
        self = .idle()
        #expect(state.nextDue == nil)
        handle(.notified)
        poll(0)
        let due = now + .milliseconds(300)
        #expect(handle(.foundNothing(slot: 0, next: due)) == [.wakeKeeper])
        #expect(state.nextDue == due)
        handle(.registered)
        poll(0)
        handle(.foundNothing(slot: 0, next: due + .milliseconds(1)))
        #expect(state.nextDue == due, "the earlier of both")
        #expect(handle(.due) == [.wake(slot: 0)])
        #expect(state.nextDue == nil)
        #expect(handle(.due) == [], "a slot has been woken already")
    }

    @Test mutating func aProcessWithoutIdleSlotsUnregisters() {
        self = .idle()
        handle(.notified)
        handle(.registered)
        for slot in 0..<2 { find(slot) }
        #expect(!state.needsUnregistration)
        find(2)
        #expect(state.needsUnregistration)
        handle(.cannotBeNotified)
        #expect(!state.needsUnregistration)
        #expect(!state.needsRegistration)
        handle(.notified)
        handle(.finished(slot: 1))
        poll(1)
        #expect(handle(.foundNothing(slot: 1)) == [.wakeKeeper])
    }

    @Test mutating func aLostLeaseInterruptsOnlyItsRun() {
        handle(.round)
        for slot in 0..<2 { find(slot) }
        #expect(
            handle(.renewed([lease(0), lease(1)], lost: [lease(1)], requested: now)) == [.interrupt(slot: 1, .atOnce)])
        handle(.finished(slot: 1))
        #expect(handle(.renewed([lease(0), lease(1)], lost: [lease(1)], requested: now)) == [])
    }

    @Test mutating func anExpiredLeaseInterruptsItsRun() {
        handle(.round)
        find(0)
        advance(.seconds(6))
        handle(.renewed([lease(0)], lost: [], requested: now))
        find(1)
        #expect(!advance(.seconds(9)).contains(.interrupt(slot: 0, .atOnce)))
        handle(.renewed([lease(1)], lost: [], requested: now))
        #expect(advance(.seconds(1)) == [.interrupt(slot: 0, .atOnce)])
    }
}

extension WorkerStateTests {
    @Test mutating func stoppingLetsStepsFinishThenInterruptsThemThenEnds() {
        handle(.round)
        find(0)
        let actions = handle(.stop)
        #expect(
            Set(actions) == [
                .wake(slot: 0), .wake(slot: 1), .wake(slot: 2), .wakeKeeper, .interrupt(slot: 0, .afterStep),
            ])
        for slot in 1..<3 {
            #expect(state.order(for: slot) == .stop)
            #expect(handle(.stopped(slot: slot)) == [])
        }
        #expect(state.deadline == now + .seconds(10))
        #expect(!advance(.seconds(9)).contains(.interrupt(slot: 0, .atOnce)))
        handle(.renewed([lease(0)], lost: [], requested: now))
        #expect(advance(.seconds(1)) == [.wakeKeeper, .interrupt(slot: 0, .atOnce)])
        #expect(advance(.seconds(4)) == [])
        #expect(advance(.seconds(1)) == [.wakeKeeper, .end])
        #expect(state.hasEnded && !state.isAllStopped)
        handle(.finished(slot: 0))
        #expect(state.order(for: 0) == .stop)
        #expect(handle(.stopped(slot: 0)) == [.end])
    }

    @Test mutating func theWorkerEndsWithTheLastSlot() {
        self = .idle()
        handle(.notified)
        find(0)
        handle(.stop)
        #expect(state.leases == [lease(0)])
        handle(.finished(slot: 0))
        for slot in 0..<3 {
            #expect(state.order(for: slot) == .stop)
            #expect(handle(.stopped(slot: slot)) == (slot == 2 ? [.wakeKeeper, .end] : []))
        }
        #expect(state.isAllStopped)
        #expect(handle(.stop) == [])
    }

    @Test mutating func theSecondStopInterruptsAtOnce() {
        handle(.round)
        find(0)
        handle(.stop)
        #expect(handle(.stop) == [.wakeKeeper, .interrupt(slot: 0, .atOnce)])
        #expect(handle(.stop) == [])
        #expect(state.deadline == now + .seconds(5))
    }

    @Test mutating func aRunFoundWhileStoppingIsReleased() {
        handle(.round)
        poll(0)
        handle(.stop)
        #expect(handle(.found(slot: 0, lease: lease(0), requested: now)) == [.interrupt(slot: 0, .afterStep)])
        #expect(!state.isWorking)
        handle(.finished(slot: 0))
        #expect(state.order(for: 0) == .stop)
    }

    @Test mutating func aStoppingWorkerDoesNotRegister() {
        self = .idle()
        handle(.stop)
        #expect(state.needsUnregistration)
        handle(.cannotBeNotified)
        #expect(!state.needsRegistration)
        #expect(handle(.notified) == [])
    }
}

extension WorkerStateTests {
    @Test mutating func aSuspectRunIsExecutedAlone() {
        handle(.round)
        find(0)
        find(1)
        poll(2)
        let actions = handle(.found(slot: 2, lease: lease(2), isSuspect: true, requested: now))
        #expect(actions == [.interrupt(slot: 0, .afterStep), .interrupt(slot: 1, .afterStep)])
        #expect(state.permission(for: 2) == .wait)
        handle(.finished(slot: 0))
        #expect(state.permission(for: 2) == .wait)
        #expect(state.order(for: 0) == .wait, "it starts nothing until then")
        #expect(handle(.finished(slot: 1)).contains(.wake(slot: 2)))
        #expect(state.permission(for: 2) == .run)
        handle(.round)
        #expect(state.order(for: 0) == .wait)
        #expect(Set(handle(.finished(slot: 2))).isSuperset(of: [.wake(slot: 0), .wake(slot: 1)]))
        poll(0)
        poll(1)
        poll(2)
    }

    /// Its slot began to poll before the suspect run was found.
    @Test mutating func aRunThatIsFoundMeanwhileIsReleased() {
        handle(.round)
        find(0)
        poll(1)
        handle(.finished(slot: 0))
        poll(0)
        handle(.found(slot: 0, lease: lease(0), isSuspect: true, requested: now))
        #expect(state.permission(for: 0) == .wait, "slot 1 still polls")
        handle(.found(slot: 1, lease: lease(1), requested: now))
        #expect(state.permission(for: 1) == .release)
        #expect(handle(.finished(slot: 1)).contains(.wake(slot: 0)))
        #expect(state.permission(for: 0) == .run)
    }

    @Test(arguments: [false, true]) mutating func isolationEndsWithAFailureOrAStop(stops: Bool) {
        handle(.round)
        find(0)
        poll(1)
        handle(.found(slot: 1, lease: lease(1), isSuspect: true, requested: now))
        if stops {
            #expect(handle(.stop).contains(.wake(slot: 1)))
            #expect(state.permission(for: 1) == .release)
        } else {
            handle(.queueFailed(slot: 1))
            #expect(state.permission(for: 0) == .run)
        }
    }

    private static func draining() -> WorkerStateTests {
        var tests = WorkerStateTests()
        tests.state = WorkerState(policy: WorkerPolicy(slots: 2, exitsWhenIdle: true))
        return tests
    }

    @Test mutating func drainingEndsWhenNothingIsDue() {
        self = .draining()
        handle(.round)
        poll(0)
        let actions = handle(.foundNothing(slot: 0))
        #expect(Set(actions) == [.wake(slot: 0), .wake(slot: 1), .wakeKeeper])
        #expect(state.order(for: 0) == .stop)
        #expect(state.order(for: 1) == .stop)
    }

    /// Duties may make runs due.
    @Test mutating func drainingWaitsForDutiesThatDelayTheExit() {
        self = .draining()
        handle(.dutiesCalled(delaysExit: true))
        handle(.round)
        poll(0)
        #expect(handle(.foundNothing(slot: 0)) == [])
        #expect(state.order(for: 0) == .wait)
        // The last call may have made runs due.
        handle(.dutiesCalled(delaysExit: false))
        poll(0)
        handle(.foundNothing(slot: 0))
        #expect(state.order(for: 0) == .stop)
    }

    /// The run of another slot may make a run due.
    @Test mutating func drainingWaitsForEverySlot() {
        self = .draining()
        handle(.round)
        find(0)
        poll(1)
        handle(.foundNothing(slot: 1))
        #expect(state.order(for: 1) == .wait)
        #expect(!state.needsRegistration)
        handle(.finished(slot: 0))
        #expect(find(0) == [.wake(slot: 1)])
        poll(1)
        handle(.foundNothing(slot: 1))
        handle(.finished(slot: 0))
        poll(0)
        handle(.foundNothing(slot: 0))
        #expect(state.order(for: 1) == .stop)
    }
}
