package import HTTP

extension Response {
    /// The body, which must be in memory.
    package var bytes: [UInt8] {
        guard case .bytes(let bytes) = body else { fatalError("the body is not in memory") }
        return bytes
    }
}
