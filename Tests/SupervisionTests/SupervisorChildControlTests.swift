import Glibc
import System
import Supervision
import Testing

/// A responder's side, in this process; signals go to the test's own thread alone.
@Suite struct SupervisorChildControlTests {
    /// Calls `body` with a responder's control and its supervisor's end of the channel, and restores the signal mask.
    private func withControl(_ body: (ChildControl, inout ControlChannel?) throws -> Void) throws {
        // No other name may keep the supervisor's end open once `body` has dropped it.
        var supervisor: ControlChannel?
        let inherited: Int32
        (supervisor, inherited) = try inheritedChannel()
        try withSignalMaskKept {
            let control = try ChildControl(environment: [ChildControl.variable: "\(inherited)"])
            try body(control, &supervisor)
        }
    }

    private func inheritedChannel() throws -> (ControlChannel, Int32) {
        let (ours, theirs) = try ControlChannel.pair()
        return (ours, withExtendedLifetime(theirs) { dup(theirs.descriptor) })
    }

    private func withSignalMaskKept(_ body: () throws -> Void) throws {
        var mask = sigset_t()
        unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &mask, nil) }
        try body()
    }

    @Test func readinessIsReported() throws {
        try withControl { control, supervisor in
            control.reportReady()
            #expect(supervisor?.receive() == .message(.ready))
        }
    }

    @Test func theEndOfTheSupervisorIsAReasonToLeave() throws {
        try withControl { control, supervisor in
            supervisor = nil
            #expect(control.run { close($0) } == .supervisorExited)
            #expect(!control.handOver(0))
        }
    }

    @Test(arguments: [Signal.terminate, .interrupt])
    func whatWasSentBeforeTheSignalIsAdopted(signal: Signal) throws {
        try withControl { control, supervisor in
            #expect(supervisor?.send(.adopt(0)) == true)
            #expect(supervisor?.send(.adopt(0)) == true)
            pthread_kill(pthread_self(), SIGHUP)
            pthread_kill(pthread_self(), signal.rawValue)
            var adopted = 0
            let departure = control.run {
                close($0)
                adopted += 1
            }
            #expect(departure == .signal(signal))
            #expect(adopted == 2)
        }
    }

    @Test func aChildThatHasNothingLeftToDoLeaves() throws {
        try withControl { control, supervisor in
            let end = try WakeUp()
            pthread_kill(pthread_self(), SIGTERM)
            #expect(control.run(until: end) { close($0) } == .signal(.terminate))
            pthread_kill(pthread_self(), SIGTERM)
            #expect(control.run(until: end) { close($0) } == .signal(.terminate))
            end.signal()
            #expect(control.run(until: end) { close($0) } == .finished)
            withExtendedLifetime(supervisor) {}
        }
    }

    @Test func aConnectionIsHandedOverAsADuplicate() throws {
        try withControl { control, supervisor in
            let (end, connection) = try inheritedChannel()
            #expect(control.handOver(connection))
            guard case .message(.handOver(let received)) = supervisor?.receive() else {
                Issue.record("no connection came")
                return
            }
            close(received)
            close(connection)
            // Both copies are closed, so its other end has nobody left.
            #expect(end.receive() == .closed)
        }
    }

    @Test func aSupervisorThatDoesNotReadIsAskedOnce() throws {
        try withControl { control, supervisor in
            while control.handOver(0) {}
            let begin = Monotonic.now
            #expect(!control.handOver(0))
            #expect(Monotonic.now - begin < .seconds(1))
            withExtendedLifetime(supervisor) {}
        }
    }

    @Test(arguments: [[:], [ChildControl.variable: "x"], [ChildControl.variable: "0"]])
    func withoutASupervisorOnlySignalsCount(environment: [String: String]) throws {
        try withSignalMaskKept {
            let control = try ChildControl(environment: environment)
            control.reportReady()
            #expect(!control.handOver(0))
            pthread_kill(pthread_self(), SIGTERM)
            #expect(control.run { close($0) } == .signal(.terminate))
        }
    }
}
