import Glibc
package import System

/// Owns the listening socket, the responders that serve it, and the workers. `SupervisorState` decides; this executes.
///
/// It is one thread with one poll loop over signals, the children's control channels and the next deadline. It holds no
/// database connection and does no other work, so that only SIGKILL can end it while its children run. The children
/// notice its end when their control channels close.
///
/// SIGTERM, SIGQUIT and SIGINT end it after its children have drained; a second one ends it at once. SIGUSR1 and SIGHUP
/// make every process open its log again; SIGHUP then replaces the children one by one.
///
/// What a child or its libraries write to standard error is reported line by line.
package final class Supervisor {
    private struct Child {
        let process: ChildProcess
        let slot: Int
        /// Nil after the child has closed its end.
        var channel: ControlChannel?
        /// Nil after the child has closed its standard error.
        var output: ChildOutput?
    }

    /// A connection that one responder has handed over and another one has yet to adopt.
    private struct Held {
        let descriptor: Int32
        let sender: pid_t
        let slot: Int
        let until: Monotonic
    }

    private var listening: Int32
    private let refusesConnectionsAtEnd: Bool
    private let executable: String
    private let arguments: (Role) -> [String]
    private let environment: [String: String]
    private let inherited: [Int32: Int32]
    private let reopenLog: () -> Void
    private let inspect: () -> Inspection
    private let observe: (SupervisorEvent) -> Void
    private let policy: SupervisorPolicy
    private var state: SupervisorState
    private var nextInspection = Monotonic.now
    private var children: [pid_t: Child] = [:]
    private var held: [Held] = []
    private var hasEnded = false

    /// - Parameters:
    ///   - listening: a listening socket, which the supervisor now owns and closes; responders get it as descriptor 0.
    ///   - refusesConnectionsAtEnd: false for a socket that outlives this process, such as one of the service manager.
    ///   - executable: a path that is resolved at each start, so that a reload starts a newly deployed executable.
    ///   - arguments: the arguments with which a child of that role is started.
    ///   - environment: the children's environment; the supervisor adds the variable for the control channel.
    ///   - inherited: further descriptors of the children, from 4 on, by their numbers in the child.
    ///   - reopenLog: makes this process open its log again.
    ///   - inspect: called at each inspection while the socket listens, on the supervisor's thread; it must not block.
    ///   - observe: called on the supervisor's thread; it must not block.
    package init(
        listening: Int32, refusesConnectionsAtEnd: Bool = true, executable: String,
        arguments: @escaping (Role) -> [String], environment: [String: String],
        inherited: [Int32: Int32] = [:], policy: SupervisorPolicy, reopenLog: @escaping () -> Void = {},
        inspect: @escaping () -> Inspection = { Inspection() },
        observe: @escaping (SupervisorEvent) -> Void
    ) {
        self.listening = listening
        self.refusesConnectionsAtEnd = refusesConnectionsAtEnd
        self.executable = executable
        self.arguments = arguments
        self.environment = environment.merging([ChildControl.variable: "\(ChildControl.descriptor)"]) { $1 }
        self.inherited = inherited
        self.reopenLog = reopenLog
        self.inspect = inspect
        self.observe = observe
        self.policy = policy
        state = SupervisorState(policy: policy, at: .now)
    }

    /// Blocks the signals that the supervisor reads, so that none of them ends the process before it runs. To be called
    /// before the process starts a thread that is no `NativeThread`.
    package static func signals() throws(ProcessError) -> SignalDescriptor {
        // The last one is ignored. It would end the process otherwise: the reader of the log may exit.
        try SignalDescriptor([.terminate, .interrupt, .quit, .hangUp, .child, .user1, .brokenPipe])
    }

    /// Runs until a signal to terminate arrives and the last child has exited. To be called once.
    package func run(reading signals: SignalDescriptor) throws(ProcessError) {
        handle(.timePassed)
        while !hasEnded {
            let sources = children.values.flatMap { [$0.channel?.descriptor, $0.output?.descriptor] }
            let ready = Set(readable(among: [signals.descriptor] + sources.compactMap(\.self), until: deadline))
            for (pid, child) in children {
                if let channel = child.channel, ready.contains(channel.descriptor) { listen(to: pid) }
                if let output = child.output, ready.contains(output.descriptor) { readOutput(of: pid) }
            }
            while let signal = signals.next() { take(signal) }
            handle(.timePassed)
            inspectPool()
            forward()
        }
    }

    private func inspectPool() {
        guard nextInspection <= .now else { return }
        nextInspection = .now + policy.inspectionInterval
        let inspection = state.isTerminating ? Inspection() : inspect()
        apply(inspection)
        handle(.inspected(inspection.children))
        guard let limit = policy.largestChild else { return }
        for pid in children.keys.sorted() {
            if let bytes = ProcessMemory.resident(of: pid), bytes > limit { handle(.grown(pid, bytes: bytes)) }
        }
    }

    private func apply(_ inspection: Inspection) {
        if let socket = inspection.socket { replaceListener(by: socket) }
        if inspection.mustEnd { handle(.terminate) }
    }

    /// Lets all responders, also those that start, accept from that socket. The present one is not shut down: each
    /// responder first accepts what waits there.
    private func replaceListener(by socket: Int32) {
        for child in children.values where policy.role(of: child.slot) == .responder {
            // If the channel is full the child hangs, and will be killed.
            _ = child.channel?.send(.listen(socket))
        }
        close(listening)
        listening = socket
    }

    /// A connection in transit is retried after a short delay, because a full channel does not signal when it has
    /// space.
    private var deadline: Monotonic? {
        let retry = held.isEmpty ? nil : Monotonic.now + .milliseconds(50)
        return [state.deadline, retry, nextInspection].compactMap(\.self).min()
    }

    private func take(_ signal: Signal) {
        switch signal {
        case .terminate, .interrupt, .quit: handle(.terminate)
        case .user1: reopenLogs()
        case .hangUp:
            reopenLogs()
            handle(.reload)
        case .child: reap()
        default: break
        }
    }

    private func reopenLogs() {
        reopenLog()
        for child in children.values { child.process.send(.user1) }
    }

    /// Reports the lines that the child has written to standard error.
    private func readOutput(of pid: pid_t, hasExited: Bool = false) {
        guard let slot = children[pid]?.slot, let output = children[pid]?.output else { return }
        for line in hasExited ? output.rest() : output.lines() {
            observe(.output(policy.role(of: slot), slot: slot, pid: pid, line: line))
        }
        if output.hasEnded { children[pid]?.output = nil }
    }

    /// One SIGCHLD can stand for the exits of several children.
    private func reap() {
        for (pid, child) in children {
            guard let cause = child.process.reap() else { continue }
            listen(to: pid)
            readOutput(of: pid, hasExited: true)
            children[pid] = nil
            handle(.exited(pid, cause))
        }
    }

    /// Receives all messages of the child.
    private func listen(to pid: pid_t) {
        guard let slot = children[pid]?.slot, let channel = children[pid]?.channel else { return }
        while true {
            switch channel.receive() {
            case .message(.ready): handle(.ready(pid))
            case .message(.heartbeat): handle(.heartbeat(pid))
            case .message(.handOver(let connection)):
                handle(.handedOver(pid))
                held.append(Held(descriptor: connection, sender: pid, slot: slot, until: .now + .seconds(5)))
                forward()
            case .message(.adopt(let stray)), .message(.listen(let stray)): close(stray)
            case .unknown: break
            case .nothing: return
            case .closed:
                children[pid]?.channel = nil
                return
            }
        }
    }

    /// Passes held connections to responders that serve. One that no responder can take is retried until its time
    /// limit.
    private func forward() {
        held.removeAll { connection in
            if let recipient = state.recipient(ofConnectionFrom: connection.sender, slot: connection.slot),
                let channel = children[recipient]?.channel, channel.send(.adopt(connection.descriptor))
            {
                close(connection.descriptor)
                return true
            }
            guard state.isTerminating || connection.until <= .now else { return false }
            observe(.connectionDropped)
            close(connection.descriptor)
            return true
        }
    }

    private func handle(_ event: SupervisorState.Event) {
        var events = [event]
        while !events.isEmpty {
            for action in state.handle(events.removeFirst(), at: .now) {
                if let answer = perform(action) { events.append(answer) }
            }
        }
    }

    private func perform(_ action: SupervisorState.Action) -> SupervisorState.Event? {
        switch action {
        case .spawn(let role, let slot): return spawn(role, in: slot)
        case .send(let signal, let pid): children[pid]?.process.send(signal)
        case .stopListening:
            // For all processes that share the socket: new connections are refused, and those that wait are accepted.
            // At a socket of the service manager they wait for the next supervisor.
            if refusesConnectionsAtEnd { shutdown(listening, Int32(SHUT_RDWR)) }
            close(listening)
        case .report(let event): observe(event)
        case .end: hasEnded = true
        }
        return nil
    }

    private func spawn(_ role: Role, in slot: Int) -> SupervisorState.Event {
        do throws(ProcessError) {
            let (ours, theirs) = try ControlChannel.pair()
            let output = try ChildOutput()
            let process = try withExtendedLifetime(theirs) { () throws(ProcessError) in
                defer { output.closeWriting() }
                var descriptors = inherited
                (descriptors[1], descriptors[2]) = (1, output.writing)
                descriptors[ChildControl.descriptor] = theirs.descriptor
                descriptors[0] = role == .responder ? listening : nil
                return try ChildProcess.spawn(
                    executable, arguments: arguments(role), environment: environment, descriptors: descriptors,
                    blocking: [.user1])
            }
            children[process.id] = Child(process: process, slot: slot, channel: ours, output: output)
            return .started(slot: slot, pid: process.id)
        } catch {
            return .startFailed(slot: slot, error)
        }
    }
}
