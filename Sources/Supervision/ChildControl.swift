import Glibc
package import System

/// A child's side of the supervision: the signals that order it to exit or to open its log again and, under a
/// supervisor, the control channel.
///
/// It is used on the main thread, while the child drains on any thread, one at a time. Its initializer blocks the
/// signals that it reads, so it must precede the start of any other thread. Without a supervisor (spawn-fcgi,
/// mod_fcgid, lighttpd, a worker started by itself) there are only the signals, and a responder cannot hand over its
/// idle kept connections.
package final class ChildControl {
    /// The environment variable that names the channel's descriptor.
    package static let variable = "FLOW_MANAGER_CONTROL"
    static let descriptor: Int32 = 3

    /// Why a child must drain and exit.
    package enum ExitReason: Hashable, Sendable {
        case signal(Signal)
        case supervisorExited
        /// The child has nothing left to do.
        case finished
    }

    /// Called when the file of the log was renamed (SIGUSR1, or SIGHUP without a supervisor).
    package var reopenLog: @Sendable () -> Void = {}
    /// Called with a listening socket that takes the place of descriptor 0, and which it then owns.
    package var replaceListener: @Sendable (Int32) -> Void = { close($0) }
    package var heartbeatInterval: Duration = .seconds(1)
    /// When the next heartbeat is due; nil until this child is ready.
    private var nextHeartbeat: Monotonic?
    private let signals: SignalDescriptor
    /// Nil without a supervisor, and after the supervisor has stopped reading or closed its end.
    private var channel: ControlChannel?

    package init(environment: [String: String]) throws(ProcessError) {
        // libfcgi would treat SIGUSR1 as an order to exit. The last one is ignored: a broken pipe must not end the
        // process.
        signals = try SignalDescriptor([.terminate, .interrupt, .quit, .hangUp, .user1, .brokenPipe])
        channel = environment[Self.variable].flatMap { Int32($0) }.flatMap { ControlChannel(adopting: $0) }
    }

    /// Reports to the supervisor that this child is ready, so that its predecessor can exit. From then on heartbeats
    /// must follow: a child that stops sending them is killed.
    package func reportReady() {
        // The first one goes ahead: the supervisor watches only children that send heartbeats, and this one may be
        // stopped at any moment.
        nextHeartbeat = .now
        _ = sendHeartbeat()
        _ = channel?.send(.ready)
    }

    /// Sends a heartbeat if one is due, and returns when the next one is; nil if there is no supervisor. One that finds
    /// the channel full is omitted.
    private func sendHeartbeat() -> Monotonic? {
        guard let channel, let due = nextHeartbeat else { return nil }
        guard due <= .now else { return due }
        _ = channel.send(.heartbeat)
        let next = Monotonic.now + heartbeatInterval
        nextHeartbeat = next
        return next
    }

    /// Waits until this child must exit. Connections that other responders handed over are passed to `adopt`, which
    /// then owns them. Can be called again, to wait for the next reason.
    ///
    /// - Parameter end: ends the wait when it is signalled.
    package func run(until end: WakeUp? = nil, adopt: (Int32) -> Void) -> ExitReason {
        while true {
            let sources = [signals.descriptor, channel?.descriptor, end?.descriptor].compactMap(\.self)
            _ = readable(among: sources, until: sendHeartbeat())
            if end?.clear() == true { return .finished }
            // Read before the channel, so that everything that the supervisor sent before its signal is received.
            let order = nextOrder()
            guard receive(adopt) else { return .supervisorExited }
            if let order { return .signal(order) }
        }
    }

    /// Readable while a signal is pending.
    package var signalDescriptor: Int32 { signals.descriptor }

    /// Opens the log again if a signal has ordered that, and sends heartbeats, for a child that drains: an order to
    /// exit has no effect on it. Does not wait.
    ///
    /// - Returns: when it must be called again, if no signal arrives before; nil: only after a signal.
    package func handleSignals() -> Monotonic? {
        while nextOrder() != nil {}
        return sendHeartbeat()
    }

    /// Passes a duplicate of an idle kept connection to the supervisor, for another responder. The caller closes its
    /// own.
    ///
    /// False when there is no supervisor. If the supervisor has not read for a second, the channel is abandoned.
    package func handOver(_ connection: Int32) -> Bool {
        guard let channel else { return false }
        guard channel.send(.handOver(connection), until: .now + .seconds(1)) else {
            self.channel = nil
            return false
        }
        return true
    }

    private func nextOrder() -> Signal? {
        while let signal = signals.next() {
            switch signal {
            case .terminate, .interrupt, .quit: return signal
            case .user1, .hangUp: reopenLog()
            default: break
            }
        }
        return nil
    }

    /// False when the supervisor has exited.
    private func receive(_ adopt: (Int32) -> Void) -> Bool {
        while let channel {
            switch channel.receive() {
            case .message(.adopt(let connection)): adopt(connection)
            case .message(.listen(let socket)): replaceListener(socket)
            case .message(.handOver(let stray)): close(stray)
            case .message(.ready), .message(.heartbeat), .unknown: break
            case .nothing: return true
            case .closed:
                self.channel = nil
                return false
            }
        }
        return true
    }
}
