import Glibc
import HTTP
import System

/// The body of a CGI request: the first `length` bytes of a descriptor.
final class CGIInput {
    private let descriptor: Int32
    /// Nil: unknown. Such a body is never used: the input also ends where the client has left, or was cut off.
    private let length: Int?
    /// The bytes that may still be read.
    private var rest: Int
    private var buffer: ArraySlice<UInt8> = []
    /// When a body that has not arrived is given up: a client that sends single bytes must not keep the process.
    private let deadline: Monotonic

    /// The number of bytes beyond the limit that are still read, so that the client receives its 413.
    private static let allowance = 64 << 10

    /// - Parameter limit: the maximum length of a body at any endpoint, in bytes. Of a longer body, only a few bytes
    ///   more than that are read.
    init(_ descriptor: Int32, length: Int?, limit: Int, deadline: Duration) {
        self.descriptor = descriptor
        self.length = length
        rest = min(length ?? .max, limit + Self.allowance)
        self.deadline = .now + deadline
    }

    /// Waits for the body, or for its first mebibyte, so that a call holds nothing while its body arrives.
    func prefetch() {
        buffer = receive(atMost: min(length ?? 0, BodyPolicy.memoryLimit))[...]
    }

    func read(by policy: BodyPolicy, folder: String) throws(Rejection) -> RequestBody {
        guard let length else { throw .lengthUnknown }
        guard length <= policy.limit else { throw .bodyTooLarge(limit: policy.limit) }
        switch policy {
        case .none, .memory:
            let bytes = read(atMost: length)
            guard bytes.count == length else { throw .bodyIncomplete }
            return policy == .none ? .empty : .bytes(bytes)
        case .file:
            guard var file = BodyFile(in: folder) else { throw .bodyNotStored }
            var count = 0
            while count < length {
                let piece = read(atMost: min(64 << 10, length - count))
                guard !piece.isEmpty else { throw .bodyIncomplete }
                unsafe piece.withUnsafeBytes { unsafe file.append($0) }
                count += piece.count
            }
            guard file.isWhole, let opened = file.opened() else { throw .bodyNotStored }
            return .file(opened)
        }
    }

    /// Reads what is left.
    func drain() {
        while !read(atMost: 64 << 10).isEmpty {}
    }

    /// Fewer bytes than that at the end of the body, and after the deadline.
    private func read(atMost wanted: Int) -> [UInt8] {
        let first = buffer.prefix(wanted)
        buffer = buffer.dropFirst(wanted)
        return first.count < wanted ? first + receive(atMost: wanted - first.count) : Array(first)
    }

    private func receive(atMost wanted: Int) -> [UInt8] {
        let length = min(wanted, rest)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
            while initialized < length {
                guard isReadable else { return }
                let count = unsafe Glibc.read(
                    descriptor, buffer.baseAddress.map { unsafe $0 + initialized }, length - initialized)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                initialized += count
            }
        }
        rest -= bytes.count
        return bytes
    }

    private var isReadable: Bool {
        while readable(among: [descriptor], until: deadline).isEmpty {
            if deadline <= .now { return false }
        }
        return true
    }
}
