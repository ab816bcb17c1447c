import CFastCGI
import Glibc

/// What a readable connection holds. It is peeked at: no byte is consumed.
enum Arrival: Equatable {
    /// The BEGIN_REQUEST record of a responder.
    case request
    /// No byte has arrived yet.
    case nothing
    /// The peer has closed the connection.
    case end
    /// Anything else. libfcgi aborts the process on some records, so it never gets to read these.
    case invalid

    /// FastCGI specification, sections 3.3 and 5.1: an eight-byte header and a body of eight more, which every web
    /// server writes at once.
    private static let beginRecordSize = 16

    init(peekingAt descriptor: Int32) {
        var bytes: (UInt64, UInt64) = (0, 0)
        let flags = Int32(MSG_PEEK | MSG_DONTWAIT)
        let count = unsafe recv(descriptor, &bytes, Self.beginRecordSize, flags)
        switch count {
        case 0: self = .end
        case ..<0: self = errno == EAGAIN ? .nothing : .end
        case Self.beginRecordSize:
            let header = UInt64(bigEndian: bytes.0)
            let version = UInt8(truncatingIfNeeded: header >> 56)
            let type = UInt8(truncatingIfNeeded: header >> 48)
            let id = UInt16(truncatingIfNeeded: header >> 32)
            let length = UInt16(truncatingIfNeeded: header >> 16)
            let role = UInt16(truncatingIfNeeded: UInt64(bigEndian: bytes.1) >> 48)
            self = version == 1 && type == 1 && id != 0 && length == 8 && role == 1 ? .request : .invalid
        default: self = .invalid
        }
    }
}
