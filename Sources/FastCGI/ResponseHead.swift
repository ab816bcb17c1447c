import HTTP

/// The CGI form of an answer's head (RFC 3875, section 6.3): "Status", the header fields, an empty line.
enum ResponseHead {
    /// Replaces what `bytes` held; false when a field could break out of its line, and then the answer has become a
    /// bare 500.
    ///
    /// The length is of the body that a GET would get, so it also stands in the answer to HEAD; 204 has none
    /// (RFC 9110, section 8.6).
    static func write(_ response: inout Response, to bytes: inout [UInt8]) -> Bool {
        let isSafe = response.headers.fields.allSatisfy { isName($0.name) && isValue($0.value) }
        if !isSafe { response = Response(status: .internalError) }

        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: "Status: ".utf8)
        append(response.status.rawValue, to: &bytes)
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: response.status.reason.utf8)
        for (name, value) in response.headers.fields {
            bytes.append(contentsOf: "\r\n".utf8)
            bytes.append(contentsOf: name.utf8)
            bytes.append(contentsOf: ": ".utf8)
            bytes.append(contentsOf: value.utf8)
        }
        if response.status != .noContent {
            bytes.append(contentsOf: "\r\nContent-Length: ".utf8)
            append(response.body.count, to: &bytes)
        }
        bytes.append(contentsOf: "\r\n\r\n".utf8)
        return isSafe
    }

    private static func isName(_ text: String) -> Bool {
        let bytes = text.utf8Span.span
        for index in bytes.indices
        where bytes[index] <= 0x20 || bytes[index] == 0x7F || bytes[index] == UInt8(ascii: ":") {
            return false
        }
        return true
    }

    private static func isValue(_ text: String) -> Bool {
        let bytes = text.utf8Span.span
        for index in bytes.indices where bytes[index] < 0x20 && bytes[index] != 0x09 || bytes[index] == 0x7F {
            return false
        }
        return true
    }

    private static func append(_ number: Int, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: String(number).utf8)
    }
}
