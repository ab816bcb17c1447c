import HTTP

/// The CGI form of a response's head (RFC 3875, section 6.3): "Status", the header fields, an empty line.
enum ResponseHead {
    /// The head. `isSafe` is false when a field could break out of its line: then the response has become a bare 500.
    ///
    /// `Content-Length` is the length of the body that a GET returns, also in the response to HEAD; 204 and a body of
    /// unknown length have none (RFC 9110, section 8.6).
    static func make(for response: inout Response) -> (bytes: [UInt8], isSafe: Bool) {
        if response.headers.fields.allSatisfy({ isName($0.name) && isValue($0.value) }) {
            return (bytes(of: response), true)
        }
        response = Response(status: .internalError)
        return (bytes(of: response), false)
    }

    /// Enough bytes for everything but the fields, with the longest numbers.
    private static let frameLength = 128

    private static func bytes(of response: Response) -> [UInt8] {
        let length = response.headers.fields.reduce(Self.frameLength) {
            $0 + $1.name.utf8.count + $1.value.utf8.count + 4
        }
        return unsafe [UInt8](unsafeUninitializedCapacity: length) { bytes, count in
            var head = unsafe HeadWriter(bytes)
            head.put(literal: "Status: ")
            head.put(String(response.status.rawValue))
            head.put(literal: " ")
            head.put(response.status.reason)
            for field in response.headers.fields {
                head.put(literal: "\r\n")
                head.put(field.name)
                head.put(literal: ": ")
                head.put(field.value)
            }
            if response.status != .noContent, let length = response.body.length {
                head.put(literal: "\r\nContent-Length: ")
                head.put(String(length))
            }
            head.put(literal: "\r\n\r\n")
            count = head.count
        }
    }

    /// Writes one text after another into a buffer that is large enough for all.
    @safe private struct HeadWriter {
        private let buffer: UnsafeMutableBufferPointer<UInt8>
        private(set) var count = 0

        init(_ buffer: UnsafeMutableBufferPointer<UInt8>) {
            unsafe self.buffer = unsafe buffer
        }

        mutating func put(_ text: String) {
            unsafe text.utf8Span.span.withUnsafeBufferPointer { unsafe put($0) }
        }

        mutating func put(literal text: StaticString) {
            unsafe put(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }

        private mutating func put(_ text: UnsafeBufferPointer<UInt8>) {
            guard let start = unsafe buffer.baseAddress, let source = text.baseAddress else { return }
            unsafe precondition(text.count <= buffer.count - count)
            unsafe (start + count).update(from: source, count: text.count)
            count += text.count
        }
    }

    private static func isName(_ text: String) -> Bool {
        let bytes = text.utf8Span.span
        for index in bytes.indices
        where bytes[index] <= 0x20 || bytes[index] == 0x7F || bytes[index] == UInt8(ascii: ":") {
            return false
        }
        return true
    }

    private static func isValue(_ text: String) -> Bool { !text.utf8Span.span.holdsControls }
}
