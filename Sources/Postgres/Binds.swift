import JSON

/// The values bound to one statement, ready for libpq: one buffer in which each value ends with a zero byte.
package struct Binds: Sendable {
    private struct Bind: Sendable {
        /// Where the value begins in `bytes`; negative for NULL.
        var offset: Int
        let length: Int32
        let isBinary: Bool

        static let null = Bind(offset: -1, length: 0, isBinary: false)
    }

    private var bytes: [UInt8] = []
    private var items: [Bind] = []
    private var hasBinary = false
    /// False when a text contains U+0000, where libpq would silently cut it off.
    private(set) var areSendable = true

    var isEmpty: Bool { items.isEmpty && areSendable }

    mutating func reserveCapacity(_ count: Int) {
        items.reserveCapacity(count)
        bytes.reserveCapacity(24 * count)
    }

    /// Marks the binds as not sendable: the statement must never reach the server.
    mutating func refuse() { areSendable = false }

    mutating func appendNull() { items.append(.null) }

    /// A value in the text format of its type.
    mutating func append(text: String) {
        let offset = bytes.count
        if text.holdsNull { refuse() }
        unsafe text.utf8Span.span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
        finishValue(from: offset, isBinary: false)
    }

    /// An integer in decimal digits.
    mutating func append(integer: Int64) {
        let offset = bytes.count
        if integer < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var rest = integer.magnitude
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
        finishValue(from: offset, isBinary: false)
    }

    /// A JSON text, which holds no zero byte.
    mutating func append(json: JSONText) {
        let offset = bytes.count
        bytes += json.bytes
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
        items.append(Bind(offset: offset, length: Int32(bytes.count - offset), isBinary: isBinary))
        bytes.append(0)
    }

    mutating func append(_ other: Binds) {
        let shift = bytes.count
        bytes += other.bytes
        for var item in other.items {
            if item.offset >= 0 { item.offset += shift }
            items.append(item)
        }
        hasBinary = hasBinary || other.hasBinary
        areSendable = areSendable && other.areSendable
    }

    /// Passes the parameters to `body` in the form that `PQsendQueryParams` takes; `formats` is nil when all are text.
    func withPointers<Result>(
        _ body: (
            _ count: Int32, _ values: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int32>?,
            _ formats: UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        guard !items.isEmpty else { return body(0, nil, nil, nil) }
        return unsafe bytes.withUnsafeBytes { buffer in
            let values = unsafe items.map { item -> UnsafePointer<CChar>? in
                guard item.offset >= 0, let base = buffer.baseAddress else { return nil }
                return unsafe (base + item.offset).assumingMemoryBound(to: CChar.self)
            }
            guard hasBinary else { return unsafe body(Int32(items.count), values, nil, nil) }
            let lengths = items.map(\.length)
            let formats: [Int32] = items.map { $0.isBinary ? 1 : 0 }
            return unsafe body(Int32(items.count), values, lengths, formats)
        }
    }
}
