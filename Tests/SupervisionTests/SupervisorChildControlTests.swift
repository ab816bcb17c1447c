import Glibc
import System
import Supervision
import Synchronization
import Testing

/// The child's side of the control channel, in this process; signals are sent only to the thread of the test.
@Suite struct SupervisorChildControlTests {
    /// Calls `body` with a child's control and the supervisor's end of the channel, and restores the signal mask.
    private func withControl(_ body: (ChildControl, inout ControlChannel?) throws -> Void) throws {
        // No other variable may keep the supervisor's end open after `body` has released it.
        var supervisor: ControlChannel?
        let inherited: Int32
        (supervisor, inherited) = try inheritedChannel()
        try withSignalMaskKept {
            let control = try ChildControl(environment: [ChildControl.variable: "\(inherited)"])
            try body(control, &supervisor)
        }
    }

    private func inheritedChannel() throws -> (ControlChannel, Int32) {
        let (supervisorEnd, childEnd) = try ControlChannel.pair()
        return (supervisorEnd, withExtendedLifetime(childEnd) { dup(childEnd.descriptor) })
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
            #expect(supervisor?.receive() == .message(.heartbeat))
            #expect(supervisor?.receive() == .message(.ready))
        }
    }

    @Test func aReadyChildSendsHeartbeatsAlsoWhileItDrains() throws {
        try withControl { control, supervisor in
            control.heartbeatInterval = .milliseconds(1)
            #expect(control.handleSignals() == nil, "before it is ready")
            control.reportReady()
            #expect(supervisor?.receive() == .message(.heartbeat))
            #expect(supervisor?.receive() == .message(.ready))
            let end = try WakeUp()
            let channel = supervisor?.descriptor ?? -1
            let thread = try NativeThread {
                _ = readable(among: [channel], until: nil)
                end.signal()
            }
            #expect(control.run(until: end) { close($0) } == .finished)
            thread.join()
            while supervisor?.receive() == .message(.heartbeat) {}
            #expect(readable(among: [], until: control.handleSignals()).isEmpty)
            #expect(control.handleSignals() != nil)
            #expect(supervisor?.receive() == .message(.heartbeat))
        }
    }

    @Test func theEndOfTheSupervisorEndsTheChild() throws {
        try withControl { control, supervisor in
            supervisor = nil
            #expect(control.run { close($0) } == .supervisorExited)
            #expect(!control.handOver(0))
        }
    }

    @Test(arguments: [Signal.terminate, .interrupt, .quit])
    func connectionsSentBeforeTheSignalAreAdopted(signal: Signal) throws {
        try withControl { control, supervisor in
            #expect(supervisor?.send(.adopt(0)) == true)
            #expect(supervisor?.send(.adopt(0)) == true)
            pthread_kill(pthread_self(), SIGHUP)
            pthread_kill(pthread_self(), signal.rawValue)
            var adopted = 0
            let reason = control.run {
                close($0)
                adopted += 1
            }
            #expect(reason == .signal(signal))
            #expect(adopted == 2)
        }
    }

    @Test func signalsThatReopenTheLogDoNotEndTheChild() throws {
        try withControl { control, supervisor in
            let count = Atomic(0)
            control.reopenLog = { count.add(1, ordering: .relaxed) }
            for signal in [SIGHUP, SIGUSR1, SIGPIPE, SIGTERM] { pthread_kill(pthread_self(), signal) }
            #expect(control.run { close($0) } == .signal(.terminate))
            #expect(count.load(ordering: .relaxed) == 2)
        }
    }

    @Test func aChildThatDrainsOpensItsLogAgain() throws {
        try withControl { control, supervisor in
            let count = Atomic(0)
            control.reopenLog = { count.add(1, ordering: .relaxed) }
            #expect(control.handleSignals() == nil)
            #expect(readable(among: [control.signalDescriptor], until: .now).isEmpty)
            for signal in [SIGTERM, SIGUSR1] { pthread_kill(pthread_self(), signal) }
            #expect(readable(among: [control.signalDescriptor], until: .now) == [control.signalDescriptor])
            #expect(control.handleSignals() == nil)
            #expect(count.load(ordering: .relaxed) == 1)
            #expect(readable(among: [control.signalDescriptor], until: .now).isEmpty)
            withExtendedLifetime(supervisor) {}
        }
    }

    @Test func aFinishedChildEnds() throws {
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
                Issue.record("no connection was received")
                return
            }
            close(received)
            close(connection)
            // Both copies are closed, so the other end is closed too.
            #expect(end.receive() == .closed)
        }
    }

    @Test func handOverDoesNotBlockWhenTheSupervisorDoesNotRead() throws {
        try withControl { control, supervisor in
            while control.handOver(0) {}
            let begin = Monotonic.now
            #expect(!control.handOver(0))
            #expect(Monotonic.now - begin < .seconds(1))
            withExtendedLifetime(supervisor) {}
        }
    }

    @Test(arguments: [[:], [ChildControl.variable: "x"], [ChildControl.variable: "0"]])
    func withoutASupervisorOnlySignalsEndTheChild(environment: [String: String]) throws {
        try withSignalMaskKept {
            let control = try ChildControl(environment: environment)
            control.reportReady()
            #expect(!control.handOver(0))
            pthread_kill(pthread_self(), SIGTERM)
            #expect(control.run { close($0) } == .signal(.terminate))
        }
    }
}
