import CSystem
import Glibc

/// What a supervisor and one of its processes say to each other; a worker is only ever ready.
///
/// ```
/// responder, worker                           supervisor
///     ready ------------------------------------->     it serves; only now may its predecessor leave
///     handOver + descriptor --------------------->     it is leaving; this idle connection goes on elsewhere
///     <------------------------- adopt + descriptor    serve this connection as if you had accepted it
///     end of file <------------------------------->    the other side is gone
/// ```
package enum ControlMessage: Hashable, Sendable {
    case ready
    case handOver(Int32)
    case adopt(Int32)
}

/// One end of the socket between supervisor and child: whole messages, in order, never blocking.
package final class ControlChannel {
    /// Readable when there is something to receive.
    package let descriptor: Int32

    /// The two ends of a new channel (`SOCK_SEQPACKET`: boundaries kept, and an end of file when the peer dies).
    package static func pair() throws(ProcessError) -> (ControlChannel, ControlChannel) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw ProcessError("socketpair") }
        return (ControlChannel(ends[0]), ControlChannel(ends[1]))
    }

    /// Takes over an inherited end, from now on close-on-exec; nil, and `descriptor` untouched, when it is none: the
    /// setting that names it may have come down to a process it was not meant for.
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
    /// False when the peer has gone or does not read, that is when the socket's buffer is full until `deadline`.
    package func send(_ message: ControlMessage, until deadline: Monotonic? = nil) -> Bool {
        let (kind, passenger) = message.encoded
        while fm_send_message(descriptor, kind, passenger) != 0 {
            if errno == EINTR { continue }
            guard errno == EAGAIN, let deadline, isWritable(descriptor, until: deadline) else { return false }
        }
        return true
    }

    /// What `receive()` found.
    package enum Reception: Hashable, Sendable {
        /// A descriptor in it is now the caller's to close.
        case message(ControlMessage)
        /// Nothing that this version knows; another one may be at the other end while a deploy is under way.
        case unknown
        /// Nothing more at present.
        case nothing
        /// The peer has gone, and everything it had said was received.
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
                // A peer that died with messages of ours unread makes one ECONNRESET come before its last words.
                guard errno == EINTR || errno == ECONNRESET else { return .closed }
            }
        }
    }
}

extension ControlMessage {
    fileprivate var encoded: (kind: UInt8, passenger: Int32) {
        switch self {
        case .ready: (UInt8(ascii: "r"), -1)
        case .handOver(let descriptor): (UInt8(ascii: "h"), descriptor)
        case .adopt(let descriptor): (UInt8(ascii: "a"), descriptor)
        }
    }

    fileprivate init?(kind: UInt8, passenger: Int32) {
        switch (kind, passenger >= 0) {
        case (UInt8(ascii: "r"), false): self = .ready
        case (UInt8(ascii: "h"), true): self = .handOver(passenger)
        case (UInt8(ascii: "a"), true): self = .adopt(passenger)
        default: return nil
        }
    }
}
