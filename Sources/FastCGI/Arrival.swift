import CFastCGI
import Glibc

/// What a readable connection holds. It is peeked at: no byte is consumed.
///
/// libfcgi blocks its thread until a request's params are complete, and aborts the process on some records. So it gets
/// to read a connection only when it holds a whole and valid beginning of a request. On a connection that has carried a
/// request of the web server, that is certain.
enum Arrival: Equatable {
    /// A request for a responder, with all of its params.
    case request
    /// A part of one.
    case part(count: Int)
    /// No byte has arrived yet.
    case nothing
    /// The peer has closed the connection.
    case end
    /// Anything else.
    case invalid

    /// Usual requests fit into the first.
    private static let peekSizes = [8 << 10, 128 << 10]

    init(peekingAt descriptor: Int32) {
        for size in Self.peekSizes {
            let (bytes, isEnd) = Self.peek(descriptor, size)
            guard !bytes.isEmpty else {
                self = isEnd ? .end : .nothing
                return
            }
            self.init(of: bytes)
            guard case .part = self, bytes.count == size else { return }
        }
        // Longer than any web server permits.
        self = .invalid
    }

    /// The records at the beginning of a connection (FastCGI specification, sections 3.3 and 5).
    init(of bytes: [UInt8]) {
        guard let begin = Record(in: bytes, at: 0), begin.type == FCGI_BEGIN_REQUEST, begin.id != 0,
            begin.length == 8, bytes.count >= begin.end, bytes[8] == 0, bytes[9] == UInt8(FCGI_RESPONDER)
        else {
            // Every web server writes this record at once.
            self = .invalid
            return
        }
        var params: [UInt8] = []
        var position = begin.end
        while let next = Record(in: bytes, at: position) {
            guard next.isValid, next.type == FCGI_PARAMS, next.id == begin.id else {
                self = .invalid
                return
            }
            guard next.length > 0 else {
                self = Self.areWhole(params) ? .request : .invalid
                return
            }
            guard bytes.count >= next.end else { break }
            params += bytes[(position + Record.headerSize)..<(position + Record.headerSize + next.length)]
            position = next.end
        }
        self = .part(count: bytes.count)
    }

    private struct Record {
        static let headerSize = 8

        let isValid: Bool
        let type: Int32
        let id: Int
        let length: Int
        let end: Int

        /// Nil if its header is not complete.
        init?(in bytes: [UInt8], at position: Int) {
            guard bytes.count >= position + Self.headerSize else { return nil }
            isValid = bytes[position] == UInt8(FCGI_VERSION_1)
            type = isValid ? Int32(bytes[position + 1]) : 0
            id = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
            length = Int(bytes[position + 4]) << 8 | Int(bytes[position + 5])
            end = position + Self.headerSize + length + Int(bytes[position + 6])
        }
    }

    /// Whether each name and value is as long as it says (section 3.4): libfcgi reserves that much memory.
    private static func areWhole(_ params: [UInt8]) -> Bool {
        var position = 0
        while position < params.count {
            var lengths = 0
            for _ in 0..<2 {
                guard position < params.count else { return false }
                let first = Int(params[position])
                guard first & 0x80 != 0 else {
                    lengths += first
                    position += 1
                    continue
                }
                guard position + 4 <= params.count else { return false }
                lengths += (first & 0x7F) << 24 | Int(params[position + 1]) << 16
                lengths += Int(params[position + 2]) << 8 | Int(params[position + 3])
                position += 4
            }
            position += lengths
        }
        return position == params.count
    }

    /// At most `size` bytes. `isEnd`: there are none, and none will come.
    private static func peek(_ descriptor: Int32, _ size: Int) -> (bytes: [UInt8], isEnd: Bool) {
        var isEnd = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
            let count = unsafe recv(descriptor, buffer.baseAddress, size, Int32(MSG_PEEK | MSG_DONTWAIT))
            isEnd = count == 0 || count < 0 && errno != EAGAIN
            initialized = max(0, count)
        }
        return (bytes, isEnd)
    }
}
