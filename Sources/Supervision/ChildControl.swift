import Glibc
package import System

/// A child's side of its supervision: the signals that tell it to leave and, under a supervisor, the channel.
///
/// It lives on the main thread. Making it blocks the signals it reads, so it comes before any other thread. Where
/// there is no supervisor (spawn-fcgi, mod_fcgid, lighttpd, a worker by itself) only the signals are left, and a
/// responder's idle kept connections have nobody to go to.
package final class ChildControl {
    /// The environment variable that names the channel's descriptor.
    package static let variable = "FLOW_MANAGER_CONTROL"
    static let descriptor: Int32 = 3

    /// Why a child is to finish what it has begun and leave.
    package enum Departure: Hashable, Sendable {
        case signal(Signal)
        case supervisorGone
        /// It has nothing left to do.
        case finished
    }

    private let signals: SignalDescriptor
    /// Nil where there is no supervisor, and once it does not answer.
    private var channel: ControlChannel?

    package init(environment: [String: String]) throws(ProcessError) {
        // The ones that are read and dropped: a reload is the supervisor's affair, and libfcgi would take SIGUSR1 for
        // an order to leave.
        signals = try SignalDescriptor([.terminate, .interrupt, .hangUp, .user1, .brokenPipe])
        channel = environment[Self.variable].flatMap { Int32($0) }.flatMap { ControlChannel(adopting: $0) }
    }

    /// Tells the supervisor that this child serves, so that the one it replaces may leave.
    package func reportReady() {
        _ = channel?.send(.ready)
    }

    /// Waits until this child is to leave; meanwhile gives connections that others left behind to `adopt`, which
    /// owns them then. May be called again, for the next reason.
    ///
    /// - Parameter end: ends it, once rung.
    package func run(until end: Bell? = nil, adopt: (Int32) -> Void) -> Departure {
        while true {
            let sources = [signals.descriptor, channel?.descriptor, end?.descriptor].compactMap(\.self)
            _ = readable(among: sources, until: nil)
            if end?.hear() == true { return .finished }
            // Before the channel: so all that the supervisor sent ahead of its signal is received.
            let order = nextOrder()
            guard receive(adopt) else { return .supervisorGone }
            if let order { return .signal(order) }
        }
    }

    /// Gives a duplicate of an idle kept connection to the supervisor, for another responder; the caller closes its own.
    ///
    /// False when there is nobody to take it. A supervisor that has not read for a second is not asked again.
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
            if signal == .terminate || signal == .interrupt { return signal }
        }
        return nil
    }

    /// False when the supervisor has gone.
    private func receive(_ adopt: (Int32) -> Void) -> Bool {
        while let channel {
            switch channel.receive() {
            case .message(.adopt(let connection)): adopt(connection)
            case .message(.handOver(let stray)): close(stray)
            case .message(.ready), .unknown: break
            case .nothing: return true
            case .closed:
                self.channel = nil
                return false
            }
        }
        return true
    }
}
