import JSON

/// The values bound to one statement, ready for libpq: one buffer in which each value ends with a zero byte.
package struct Binds: Sendable {
    private struct Bind: Sendable {
        /// Where the value begins in `bytes`, or nil for NULL.
        let offset: Int?
        let length: Int
        let isBinary: Bool
    }

    private var bytes: [UInt8] = []
    private var items: [Bind] = []
    private var hasBinary = false
    /// False when a text holds U+0000, where libpq would end it unseen.
    private(set) var areSendable = true

    var isEmpty: Bool { items.isEmpty && areSendable }

    mutating func reserveCapacity(_ count: Int) {
        items.reserveCapacity(count)
        bytes.reserveCapacity(24 * count)
    }

    /// The server shall never see this statement.
    mutating func refuse() { areSendable = false }

    mutating func appendNull() { items.append(Bind(offset: nil, length: 0, isBinary: false)) }

    /// A value in the text format of its type.
    mutating func append(text: String) {
        let offset = bytes.count
        if text.holdsNull { refuse() }
        unsafe text.utf8Span.span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
        finishValue(from: offset, isBinary: false)
    }

    /// The text of a JSON value.
    mutating func append(json: JSON) {
        let offset = bytes.count
        json.write(into: &bytes)
        finishValue(from: offset, isBinary: false)
    }

    /// A value in the binary format of its type.
    mutating func append(binary: [UInt8]) {
        let offset = bytes.count
        bytes.append(contentsOf: binary)
        hasBinary = true
        finishValue(from: offset, isBinary: true)
    }

    private mutating func finishValue(from offset: Int, isBinary: Bool) {
        items.append(Bind(offset: offset, length: bytes.count - offset, isBinary: isBinary))
        bytes.append(0)
    }

    mutating func append(_ other: Binds) {
        let shift = bytes.count
        bytes += other.bytes
        items += other.items.map {
            Bind(offset: $0.offset.map { $0 + shift }, length: $0.length, isBinary: $0.isBinary)
        }
        hasBinary = hasBinary || other.hasBinary
        areSendable = areSendable && other.areSendable
    }

    /// Lends the parameters in the shape `PQsendQueryParams` takes them; `formats` is nil when all are text.
    func withPointers<Result>(
        _ body: (
            _ count: Int32, _ values: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int32>?,
            _ formats: UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        guard !items.isEmpty else { return body(0, nil, nil, nil) }
        return unsafe bytes.withUnsafeBytes { buffer in
            let values = unsafe items.map { item -> UnsafePointer<CChar>? in
                guard let offset = item.offset, let base = buffer.baseAddress else { return nil }
                return unsafe (base + offset).assumingMemoryBound(to: CChar.self)
            }
            guard hasBinary else { return unsafe body(Int32(items.count), values, nil, nil) }
            let lengths = items.map { Int32($0.length) }
            let formats: [Int32] = items.map { $0.isBinary ? 1 : 0 }
            return unsafe body(Int32(items.count), values, lengths, formats)
        }
    }
}
