import Glibc

/// The descriptor to which a `LineWriter` writes.
struct LineOutput {
    private var descriptor: Int32
    /// Nil for a descriptor that was given, which stays open and cannot be opened again.
    private let path: String?
    /// The longest piece that no other process's lines can divide.
    private var longestPiece: Int
    /// Whether only a part of the last line was written, because the disk is full.
    private var isWithinLine = false

    init(_ target: LineWriter.Target) throws(ProcessError) {
        switch target {
        case .file(let path):
            self.path = path
            descriptor = try Files.openToAppend(path)
        case .descriptor(let descriptor):
            path = nil
            self.descriptor = descriptor
        }
        longestPiece = Self.longestPiece(descriptor)
    }

    /// Closes the file; a descriptor that was given stays open.
    func end() {
        if path != nil { close(descriptor) }
    }

    /// Opens the file again; without one it does nothing.
    mutating func reopen() throws(ProcessError) {
        guard let path else { return }
        let fresh = try Files.openToAppend(path)
        close(descriptor)
        descriptor = fresh
        longestPiece = Self.longestPiece(fresh)
        isWithinLine = false
    }

    /// Writes the lines, and waits until the reader has taken them. Returns how many could not be written.
    mutating func write(_ lines: [UInt8]) -> Int {
        var rest = lines[...]
        if isWithinLine { rest.insert(UInt8(ascii: "\n"), at: rest.startIndex) }
        while !rest.isEmpty {
            let count = unsafe piece(of: rest).withUnsafeBytes { piece in
                unsafe Glibc.write(descriptor, piece.baseAddress, piece.count)
            }
            if count > 0 {
                isWithinLine = rest[rest.startIndex + count - 1] != UInt8(ascii: "\n")
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                _ = isWritable(descriptor, until: .now + .seconds(60))
            } else if errno != EINTR {
                return rest.count { $0 == UInt8(ascii: "\n") }
            }
        }
        return 0
    }

    /// The whole lines that can be written as one piece; if the first one is too long for that, all of it.
    private func piece(of rest: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard rest.count > longestPiece else { return rest }
        let newline = UInt8(ascii: "\n")
        let last = rest.prefix(longestPiece).lastIndex(of: newline) ?? rest.firstIndex(of: newline)
        return rest[...(last ?? rest.endIndex - 1)]
    }

    /// The kernel appends any number of bytes to a file as one piece, but mixes long writes to a pipe or socket.
    private static func longestPiece(_ descriptor: Int32) -> Int {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return LineWriter.longestLine
        }
        return .max
    }
}
