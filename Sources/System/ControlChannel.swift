import CSystem
import Glibc

/// The messages between a supervisor and one of its processes. A worker sends only `ready` and `heartbeat`.
///
/// ```
/// responder, worker                           supervisor
///     heartbeat --------------------------------->     its main thread runs; each second from now on
///     ready ------------------------------------->     it serves; its predecessor may now be drained
///     handOver + descriptor --------------------->     it is draining; another responder gets this idle connection
///     <------------------------- adopt + descriptor    serve this connection as if you had accepted it
///     <------------------------ listen + descriptor    accept from this socket instead of descriptor 0
///     end of file <------------------------------->    the other process has exited
/// ```
package enum ControlMessage: Hashable, Sendable {
    case ready
    case heartbeat
    case handOver(Int32)
    case adopt(Int32)
    case listen(Int32)
}

/// One end of the socket between supervisor and child: whole messages, in order, never blocking.
package final class ControlChannel {
    /// Readable when a message has arrived, or the peer has closed its end.
    package let descriptor: Int32

    /// The two ends of a new channel (`SOCK_SEQPACKET`: message boundaries are preserved, and a peer's exit is an end
    /// of file).
    package static func pair() throws(ProcessError) -> (ControlChannel, ControlChannel) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw ProcessError("socketpair") }
        return (ControlChannel(ends[0]), ControlChannel(ends[1]))
    }

    /// Adopts an inherited end and makes it close-on-exec. Nil, with `descriptor` unchanged, if it is not one: a
    /// process that was not meant to get the setting that names it may have inherited it.
    package convenience init?(adopting descriptor: Int32) {
        var kind: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &kind, &size) == 0,
            kind == Int32(SOCK_SEQPACKET.rawValue),
            fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
        else { return nil }
        self.init(descriptor)
    }

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Sends a message; a descriptor in it is duplicated into the peer, and the caller's stays open.
    ///
    /// False when the peer has exited or does not read, that is when the socket's buffer is full until `deadline`.
    package func send(_ message: ControlMessage, until deadline: Monotonic? = nil) -> Bool {
        let (kind, passenger) = message.encoded
        while fm_send_message(descriptor, kind, passenger) != 0 {
            if errno == EINTR { continue }
            guard errno == EAGAIN, let deadline, isWritable(descriptor, until: deadline) else { return false }
        }
        return true
    }

    /// The result of `receive()`.
    package enum Reception: Hashable, Sendable {
        /// The caller must close a descriptor in it.
        case message(ControlMessage)
        /// This version does not know the message; during a deploy the peer may have another version.
        case unknown
        /// No message has arrived.
        case nothing
        /// The peer has exited, and all its messages were received.
        case closed
    }

    package func receive() -> Reception {
        var kind: UInt8 = 0
        var passenger: Int32 = -1
        while true {
            switch unsafe fm_receive_message(descriptor, &kind, &passenger) {
            case 1:
                if let message = ControlMessage(kind: kind, passenger: passenger) { return .message(message) }
                if passenger >= 0 { close(passenger) }
                return .unknown
            case 0:
                return .closed
            default:
                if errno == EAGAIN { return .nothing }
                // A peer that exits before it has read all messages causes one ECONNRESET ahead of its own last
                // messages.
                guard errno == EINTR || errno == ECONNRESET else { return .closed }
            }
        }
    }
}

extension ControlMessage {
    fileprivate var encoded: (kind: UInt8, passenger: Int32) {
        switch self {
        case .ready: (UInt8(ascii: "r"), -1)
        case .heartbeat: (UInt8(ascii: "b"), -1)
        case .handOver(let descriptor): (UInt8(ascii: "h"), descriptor)
        case .adopt(let descriptor): (UInt8(ascii: "a"), descriptor)
        case .listen(let descriptor): (UInt8(ascii: "l"), descriptor)
        }
    }

    fileprivate init?(kind: UInt8, passenger: Int32) {
        switch (kind, passenger >= 0) {
        case (UInt8(ascii: "r"), false): self = .ready
        case (UInt8(ascii: "b"), false): self = .heartbeat
        case (UInt8(ascii: "h"), true): self = .handOver(passenger)
        case (UInt8(ascii: "a"), true): self = .adopt(passenger)
        case (UInt8(ascii: "l"), true): self = .listen(passenger)
        default: return nil
        }
    }
}
