import Glibc
import HTTP

extension ResponseBody {
    /// The length of the pieces in which a file is read, in bytes: each becomes one record.
    private static let pieceLength = Exchange.longestContent

    /// Produces the body piece by piece, until `take` returns false. Returns whether it was produced to its end.
    func forEachPiece(_ take: ([UInt8]) -> Bool) -> Bool {
        switch self {
        case .bytes(let bytes): return take(bytes)
        case .file(let file):
            var offset = 0
            while offset < file.length {
                let piece = file.piece(at: offset, count: min(Self.pieceLength, file.length - offset))
                guard !piece.isEmpty, take(piece) else { return false }
                offset += piece.count
            }
            return true
        case .chunks(_, let next):
            do {
                while let chunk = try next() {
                    guard take(chunk) else { return false }
                }
                return true
            } catch {
                return false
            }
        }
    }
}

extension OpenFile {
    /// Empty at the end of the file and after an error.
    fileprivate func piece(at offset: Int, count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while true {
                let read = unsafe pread(descriptor, buffer.baseAddress, count, offset)
                if read < 0, errno == EINTR { continue }
                initialized = max(0, read)
                return
            }
        }
    }
}
