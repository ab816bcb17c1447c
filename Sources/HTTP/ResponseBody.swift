/// The body of a response.
package enum ResponseBody: Sendable {
    case bytes([UInt8])
    /// Sent from the file's beginning, piece by piece.
    case file(OpenFile)
    /// Produced piece by piece, on the thread that sends it. `next` returns nil at the end; when it throws, the
    /// connection is closed, so that the client sees an incomplete response. `length` is in bytes, nil if unknown.
    case chunks(length: Int?, next: @Sendable () throws -> [UInt8]?)

    /// The length in bytes; nil if it is unknown.
    package var length: Int? {
        switch self {
        case .bytes(let bytes): bytes.count
        case .file(let file): file.length
        case .chunks(let length, _): length
        }
    }
}

/// A file that is open for reading; closed when its last owner releases it.
package final class OpenFile: Sendable {
    package let descriptor: Int32
    /// In bytes.
    package let length: Int
    private let close: @Sendable (Int32) -> Void

    /// Takes ownership of the descriptor, which `close` closes.
    package init(_ descriptor: Int32, length: Int, close: @escaping @Sendable (Int32) -> Void) {
        self.descriptor = descriptor
        self.length = length
        self.close = close
    }

    deinit {
        close(descriptor)
    }
}
