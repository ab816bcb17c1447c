import System
import Testing
import WorkerPool

/// A worker's decisions, among slots and a clock that exist on paper only.
@Suite struct WorkerStateTests {
    private var now = Monotonic(sinceBoot: .seconds(1000))
    private var state: WorkerState

    init() {
        state = WorkerState(policy: WorkerPolicy(slots: 3))
    }

    /// Three slots that have all polled in vain since the process was registered.
    private static func resting() -> WorkerStateTests {
        var tests = WorkerStateTests()
        tests.tell(.round)
        tests.poll(0)
        tests.tell(.foundNothing(slot: 0))
        tests.tell(.registered)
        tests.poll(0)
        tests.tell(.foundNothing(slot: 0))
        return tests
    }

    @discardableResult
    private mutating func tell(_ event: WorkerState.Event) -> [WorkerState.Action] {
        state.handle(event, at: now)
    }

    @discardableResult
    private mutating func pass(_ duration: Duration) -> [WorkerState.Action] {
        now = now + duration
        return tell(.round)
    }

    /// The slot begins to poll, as it is ordered to.
    private mutating func poll(_ slot: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        let order = state.order(for: slot)
        #expect(order == .poll, sourceLocation: sourceLocation)
    }

    private func lease(_ slot: Int) -> Lease {
        Lease(run: "run \(slot)", token: "\(slot)")
    }

    /// The slot finds a run, whose lease is called as the slot.
    @discardableResult
    private mutating func find(_ slot: Int) -> [WorkerState.Action] {
        poll(slot)
        return tell(.found(slot: slot, lease: lease(slot), requested: now))
    }

    @Test mutating func nobodyLooksBeforeTheFirstRound() {
        for slot in 0..<3 { #expect(state.order(for: slot) == .wait) }
        #expect(!state.needsRegistration)
        #expect(tell(.round) == [.wake(slot: 0)])
        #expect(tell(.round) == [])
        poll(0)
        #expect(state.order(for: 1) == .wait)
    }

    @Test mutating func workSpreadsFromHandToHand() {
        tell(.round)
        #expect(find(0) == [.wake(slot: 1)])
        #expect(find(1) == [.wake(slot: 2)])
        #expect(find(2) == [])
        #expect(state.leases == (0..<3).map(lease))
    }

    @Test mutating func aHandThatIsDoneLooksAgainUnasked() {
        tell(.round)
        find(0)
        tell(.finished(slot: 0))
        #expect(state.leases == [])
        poll(0)
    }

    @Test mutating func whoFoundNothingWaitsOnceItHasLookedWhileEnlisted() {
        tell(.round)
        poll(0)
        #expect(tell(.foundNothing(slot: 0)) == [.wakeKeeper])
        #expect(state.needsRegistration)
        #expect(tell(.registered) == [.wake(slot: 0)])
        #expect(!state.needsRegistration)
        poll(0)
        #expect(tell(.foundNothing(slot: 0)) == [])
        #expect(state.order(for: 0) == .wait)
    }

    @Test mutating func aLookThatBeganBeforeTheEnlistmentIsRepeated() {
        state = WorkerState(policy: WorkerPolicy(slots: 1))
        tell(.round)
        poll(0)
        tell(.registered)
        #expect(tell(.foundNothing(slot: 0)) == [])
        poll(0)
    }

    @Test mutating func anEnlistmentDoesNotProveForTheNextOne() {
        self = .resting()
        tell(.round)
        poll(0)
        tell(.notified)
        find(1)
        poll(2)
        tell(.foundNothing(slot: 2))
        tell(.registered)
        tell(.foundNothing(slot: 0))
        poll(0)
        tell(.foundNothing(slot: 0))
        #expect(state.order(for: 0) == .wait)
    }

    @Test mutating func aNotificationSendsOneHandToLookAndIsGoodOnce() {
        self = .resting()
        #expect(tell(.notified) == [.wake(slot: 0)])
        #expect(state.needsRegistration)
        #expect(find(0) == [.wake(slot: 1)])
        tell(.registered)
        poll(1)
        #expect(tell(.foundNothing(slot: 1)) == [])
    }

    @Test mutating func aRoundSendsOneHandToLook() {
        self = .resting()
        #expect(pass(.seconds(1)) == [.wake(slot: 0)])
        #expect(pass(.seconds(1)) == [])
    }

    @Test mutating func whatBecomesDueIsLookedForThen() {
        self = .resting()
        #expect(state.nextDue == nil)
        tell(.notified)
        poll(0)
        let due = now + .milliseconds(300)
        #expect(tell(.foundNothing(slot: 0, next: due)) == [.wakeKeeper])
        #expect(state.nextDue == due)
        tell(.registered)
        poll(0)
        tell(.foundNothing(slot: 0, next: due + .milliseconds(1)))
        #expect(state.nextDue == due, "the first of both")
        #expect(tell(.due) == [.wake(slot: 0)])
        #expect(state.nextDue == nil)
        #expect(tell(.due) == [], "a slot is told already")
    }

    @Test mutating func aProcessWithoutIdleHandsLeavesNotificationsToOthers() {
        self = .resting()
        tell(.notified)
        tell(.registered)
        for slot in 0..<2 { find(slot) }
        #expect(!state.needsUnregistration)
        find(2)
        #expect(state.needsUnregistration)
        tell(.cannotBeNotified)
        #expect(!state.needsUnregistration)
        #expect(!state.needsRegistration)
        tell(.notified)
        tell(.finished(slot: 1))
        poll(1)
        #expect(tell(.foundNothing(slot: 1)) == [.wakeKeeper])
    }

    @Test mutating func aLostLeaseBreaksItsRunOffAndNoOther() {
        tell(.round)
        for slot in 0..<2 { find(slot) }
        #expect(
            tell(.renewed([lease(0), lease(1)], lost: [lease(1)], requested: now)) == [.interrupt(slot: 1, .atOnce)])
        tell(.finished(slot: 1))
        #expect(tell(.renewed([lease(0), lease(1)], lost: [lease(1)], requested: now)) == [])
    }

    @Test mutating func aLeaseThatWasNotRenewedForItsLengthBreaksItsRunOff() {
        tell(.round)
        find(0)
        pass(.seconds(6))
        tell(.renewed([lease(0)], lost: [], requested: now))
        find(1)
        #expect(!pass(.seconds(9)).contains(.interrupt(slot: 0, .atOnce)))
        tell(.renewed([lease(1)], lost: [], requested: now))
        #expect(pass(.seconds(1)) == [.interrupt(slot: 0, .atOnce)])
    }
}

extension WorkerStateTests {
    @Test mutating func leavingLetsStepsFinishThenBreaksThemOffThenEnds() {
        tell(.round)
        find(0)
        let actions = tell(.stop)
        #expect(
            Set(actions) == [
                .wake(slot: 0), .wake(slot: 1), .wake(slot: 2), .wakeKeeper, .interrupt(slot: 0, .afterStep),
            ])
        for slot in 1..<3 {
            #expect(state.order(for: slot) == .stop)
            #expect(tell(.stopped(slot: slot)) == [])
        }
        #expect(state.deadline == now + .seconds(10))
        #expect(!pass(.seconds(9)).contains(.interrupt(slot: 0, .atOnce)))
        tell(.renewed([lease(0)], lost: [], requested: now))
        #expect(pass(.seconds(1)) == [.wakeKeeper, .interrupt(slot: 0, .atOnce)])
        #expect(pass(.seconds(4)) == [])
        #expect(pass(.seconds(1)) == [.wakeKeeper, .end])
        #expect(state.hasEnded && !state.isAllStopped)
        tell(.finished(slot: 0))
        #expect(state.order(for: 0) == .stop)
        #expect(tell(.stopped(slot: 0)) == [.end])
    }

    @Test mutating func itEndsWithTheLastHand() {
        self = .resting()
        tell(.notified)
        find(0)
        tell(.stop)
        #expect(state.leases == [lease(0)])
        tell(.finished(slot: 0))
        for slot in 0..<3 {
            #expect(state.order(for: slot) == .stop)
            #expect(tell(.stopped(slot: slot)) == (slot == 2 ? [.wakeKeeper, .end] : []))
        }
        #expect(state.isAllStopped)
        #expect(tell(.stop) == [])
    }

    @Test mutating func theSecondRequestToLeaveBreaksOffAtOnce() {
        tell(.round)
        find(0)
        tell(.stop)
        #expect(tell(.stop) == [.wakeKeeper, .interrupt(slot: 0, .atOnce)])
        #expect(tell(.stop) == [])
        #expect(state.deadline == now + .seconds(5))
    }

    @Test mutating func whatIsFoundWhileLeavingGoesBack() {
        tell(.round)
        poll(0)
        tell(.stop)
        #expect(tell(.found(slot: 0, lease: lease(0), requested: now)) == [.interrupt(slot: 0, .afterStep)])
        #expect(!state.isWorking)
        tell(.finished(slot: 0))
        #expect(state.order(for: 0) == .stop)
    }

    @Test mutating func nobodyEnlistsWhileLeaving() {
        self = .resting()
        tell(.stop)
        #expect(state.needsUnregistration)
        tell(.cannotBeNotified)
        #expect(!state.needsRegistration)
        #expect(tell(.notified) == [])
    }
}

extension WorkerStateTests {
    private static func draining() -> WorkerStateTests {
        var tests = WorkerStateTests()
        tests.state = WorkerState(policy: WorkerPolicy(slots: 2, exitsWhenIdle: true))
        return tests
    }

    @Test mutating func drainingEndsWhenNothingIsDue() {
        self = .draining()
        tell(.round)
        poll(0)
        let actions = tell(.foundNothing(slot: 0))
        #expect(Set(actions) == [.wake(slot: 0), .wake(slot: 1), .wakeKeeper])
        #expect(state.order(for: 0) == .stop)
        #expect(state.order(for: 1) == .stop)
    }

    /// What another slot does may make something due.
    @Test mutating func drainingWaitsForEveryHand() {
        self = .draining()
        tell(.round)
        find(0)
        poll(1)
        tell(.foundNothing(slot: 1))
        #expect(state.order(for: 1) == .wait)
        #expect(!state.needsRegistration)
        tell(.finished(slot: 0))
        #expect(find(0) == [.wake(slot: 1)])
        poll(1)
        tell(.foundNothing(slot: 1))
        tell(.finished(slot: 0))
        poll(0)
        tell(.foundNothing(slot: 0))
        #expect(state.order(for: 1) == .stop)
    }
}
