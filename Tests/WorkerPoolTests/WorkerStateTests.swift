import System
import Testing
import WorkerPool

/// A worker's decisions, among hands and a clock that exist on paper only.
@Suite struct WorkerStateTests {
    private var now = Monotonic(sinceBoot: .seconds(1000))
    private var state: WorkerState

    init() {
        state = WorkerState(policy: WorkerPolicy(hands: 3))
    }

    /// Three hands that have all looked in vain since the process was enlisted.
    private static func resting() -> WorkerStateTests {
        var tests = WorkerStateTests()
        tests.tell(.round)
        tests.look(0)
        tests.tell(.foundNothing(hand: 0))
        tests.tell(.enlisted)
        tests.look(0)
        tests.tell(.foundNothing(hand: 0))
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

    /// The hand begins to look, as it is ordered to.
    private mutating func look(_ hand: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        let order = state.order(for: hand)
        #expect(order == .look, sourceLocation: sourceLocation)
    }

    private func lease(_ hand: Int) -> Lease {
        Lease(run: "run \(hand)", token: "\(hand)")
    }

    /// The hand finds a run, whose lease is called as the hand.
    @discardableResult
    private mutating func find(_ hand: Int) -> [WorkerState.Action] {
        look(hand)
        return tell(.found(hand: hand, lease: lease(hand), asked: now))
    }

    @Test mutating func nobodyLooksBeforeTheFirstRound() {
        for hand in 0..<3 { #expect(state.order(for: hand) == .wait) }
        #expect(!state.needsEnlisting)
        #expect(tell(.round) == [.wake(hand: 0)])
        #expect(tell(.round) == [])
        look(0)
        #expect(state.order(for: 1) == .wait)
    }

    @Test mutating func workSpreadsFromHandToHand() {
        tell(.round)
        #expect(find(0) == [.wake(hand: 1)])
        #expect(find(1) == [.wake(hand: 2)])
        #expect(find(2) == [])
        #expect(state.leases == (0..<3).map(lease))
    }

    @Test mutating func aHandThatIsDoneLooksAgainUnasked() {
        tell(.round)
        find(0)
        tell(.finished(hand: 0))
        #expect(state.leases == [])
        look(0)
    }

    @Test mutating func whoFoundNothingWaitsOnceItHasLookedWhileEnlisted() {
        tell(.round)
        look(0)
        #expect(tell(.foundNothing(hand: 0)) == [.wakeKeeper])
        #expect(state.needsEnlisting)
        #expect(tell(.enlisted) == [.wake(hand: 0)])
        #expect(!state.needsEnlisting)
        look(0)
        #expect(tell(.foundNothing(hand: 0)) == [])
        #expect(state.order(for: 0) == .wait)
    }

    @Test mutating func aLookThatBeganBeforeTheEnlistmentIsRepeated() {
        state = WorkerState(policy: WorkerPolicy(hands: 1))
        tell(.round)
        look(0)
        tell(.enlisted)
        #expect(tell(.foundNothing(hand: 0)) == [])
        look(0)
    }

    @Test mutating func anEnlistmentDoesNotProveForTheNextOne() {
        self = .resting()
        tell(.round)
        look(0)
        tell(.notified)
        find(1)
        look(2)
        tell(.foundNothing(hand: 2))
        tell(.enlisted)
        tell(.foundNothing(hand: 0))
        look(0)
        tell(.foundNothing(hand: 0))
        #expect(state.order(for: 0) == .wait)
    }

    @Test mutating func aNotificationSendsOneHandToLookAndIsGoodOnce() {
        self = .resting()
        #expect(tell(.notified) == [.wake(hand: 0)])
        #expect(state.needsEnlisting)
        #expect(find(0) == [.wake(hand: 1)])
        tell(.enlisted)
        look(1)
        #expect(tell(.foundNothing(hand: 1)) == [])
    }

    @Test mutating func aRoundSendsOneHandToLook() {
        self = .resting()
        #expect(pass(.seconds(1)) == [.wake(hand: 0)])
        #expect(pass(.seconds(1)) == [])
    }

    @Test mutating func whatBecomesDueIsLookedForThen() {
        self = .resting()
        #expect(state.nextDue == nil)
        tell(.notified)
        look(0)
        let due = now + .milliseconds(300)
        #expect(tell(.foundNothing(hand: 0, next: due)) == [.wakeKeeper])
        #expect(state.nextDue == due)
        tell(.enlisted)
        look(0)
        tell(.foundNothing(hand: 0, next: due + .milliseconds(1)))
        #expect(state.nextDue == due, "the first of both")
        #expect(tell(.due) == [.wake(hand: 0)])
        #expect(state.nextDue == nil)
        #expect(tell(.due) == [], "a hand is told already")
    }

    @Test mutating func aProcessWithoutIdleHandsLeavesNotificationsToOthers() {
        self = .resting()
        tell(.notified)
        tell(.enlisted)
        for hand in 0..<2 { find(hand) }
        #expect(!state.needsWithdrawal)
        find(2)
        #expect(state.needsWithdrawal)
        tell(.cannotBeNotified)
        #expect(!state.needsWithdrawal)
        #expect(!state.needsEnlisting)
        tell(.notified)
        tell(.finished(hand: 1))
        look(1)
        #expect(tell(.foundNothing(hand: 1)) == [.wakeKeeper])
    }

    @Test mutating func aLostLeaseBreaksItsRunOffAndNoOther() {
        tell(.round)
        for hand in 0..<2 { find(hand) }
        #expect(tell(.renewed([lease(0), lease(1)], lost: [lease(1)], asked: now)) == [.interrupt(hand: 1, .atOnce)])
        tell(.finished(hand: 1))
        #expect(tell(.renewed([lease(0), lease(1)], lost: [lease(1)], asked: now)) == [])
    }

    @Test mutating func aLeaseThatWasNotRenewedForItsLengthBreaksItsRunOff() {
        tell(.round)
        find(0)
        pass(.seconds(6))
        tell(.renewed([lease(0)], lost: [], asked: now))
        find(1)
        #expect(!pass(.seconds(9)).contains(.interrupt(hand: 0, .atOnce)))
        tell(.renewed([lease(1)], lost: [], asked: now))
        #expect(pass(.seconds(1)) == [.interrupt(hand: 0, .atOnce)])
    }
}

extension WorkerStateTests {
    @Test mutating func leavingLetsStepsFinishThenBreaksThemOffThenEnds() {
        tell(.round)
        find(0)
        let actions = tell(.leave)
        #expect(
            Set(actions) == [
                .wake(hand: 0), .wake(hand: 1), .wake(hand: 2), .wakeKeeper, .interrupt(hand: 0, .afterStep),
            ])
        for hand in 1..<3 {
            #expect(state.order(for: hand) == .leave)
            #expect(tell(.left(hand: hand)) == [])
        }
        #expect(state.deadline == now + .seconds(10))
        #expect(!pass(.seconds(9)).contains(.interrupt(hand: 0, .atOnce)))
        tell(.renewed([lease(0)], lost: [], asked: now))
        #expect(pass(.seconds(1)) == [.wakeKeeper, .interrupt(hand: 0, .atOnce)])
        #expect(pass(.seconds(4)) == [])
        #expect(pass(.seconds(1)) == [.wakeKeeper, .end])
        #expect(state.hasEnded && !state.isAllGone)
        tell(.finished(hand: 0))
        #expect(state.order(for: 0) == .leave)
        #expect(tell(.left(hand: 0)) == [.end])
    }

    @Test mutating func itEndsWithTheLastHand() {
        self = .resting()
        tell(.notified)
        find(0)
        tell(.leave)
        #expect(state.leases == [lease(0)])
        tell(.finished(hand: 0))
        for hand in 0..<3 {
            #expect(state.order(for: hand) == .leave)
            #expect(tell(.left(hand: hand)) == (hand == 2 ? [.wakeKeeper, .end] : []))
        }
        #expect(state.isAllGone)
        #expect(tell(.leave) == [])
    }

    @Test mutating func theSecondRequestToLeaveBreaksOffAtOnce() {
        tell(.round)
        find(0)
        tell(.leave)
        #expect(tell(.leave) == [.wakeKeeper, .interrupt(hand: 0, .atOnce)])
        #expect(tell(.leave) == [])
        #expect(state.deadline == now + .seconds(5))
    }

    @Test mutating func whatIsFoundWhileLeavingGoesBack() {
        tell(.round)
        look(0)
        tell(.leave)
        #expect(tell(.found(hand: 0, lease: lease(0), asked: now)) == [.interrupt(hand: 0, .afterStep)])
        #expect(!state.isWorking)
        tell(.finished(hand: 0))
        #expect(state.order(for: 0) == .leave)
    }

    @Test mutating func nobodyEnlistsWhileLeaving() {
        self = .resting()
        tell(.leave)
        #expect(state.needsWithdrawal)
        tell(.cannotBeNotified)
        #expect(!state.needsEnlisting)
        #expect(tell(.notified) == [])
    }
}

extension WorkerStateTests {
    private static func draining() -> WorkerStateTests {
        var tests = WorkerStateTests()
        tests.state = WorkerState(policy: WorkerPolicy(hands: 2, isDraining: true))
        return tests
    }

    @Test mutating func drainingEndsWhenNothingIsDue() {
        self = .draining()
        tell(.round)
        look(0)
        let actions = tell(.foundNothing(hand: 0))
        #expect(Set(actions) == [.wake(hand: 0), .wake(hand: 1), .wakeKeeper])
        #expect(state.order(for: 0) == .leave)
        #expect(state.order(for: 1) == .leave)
    }

    /// What another hand does may make something due.
    @Test mutating func drainingWaitsForEveryHand() {
        self = .draining()
        tell(.round)
        find(0)
        look(1)
        tell(.foundNothing(hand: 1))
        #expect(state.order(for: 1) == .wait)
        #expect(!state.needsEnlisting)
        tell(.finished(hand: 0))
        #expect(find(0) == [.wake(hand: 1)])
        look(1)
        tell(.foundNothing(hand: 1))
        tell(.finished(hand: 0))
        look(0)
        tell(.foundNothing(hand: 0))
        #expect(state.order(for: 1) == .leave)
    }
}
