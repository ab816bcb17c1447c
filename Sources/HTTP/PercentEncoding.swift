import JSON
import System

/// Percent-encoding (RFC 3986, section 2.1) and the form encoding built on it.
package enum PercentEncoding {
    /// The decoded text; nil for a broken escape, text that is not UTF-8, a control character (a line feed must never
    /// reach a log or a header) unless `takesControls`, or a long run of combining marks, which takes long to compare.
    package static func decode(
        _ encoded: Span<UInt8>, plusIsSpace: Bool = false, takesControls: Bool = false
    ) -> String? {
        var index = 0
        while index < encoded.count, isPlain(encoded[index]) { index += 1 }
        // Most texts contain nothing to decode, and nothing that is not allowed.
        if index == encoded.count, let plain = try? UTF8Span(validating: encoded) { return String(copying: plain) }

        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.count)
        for position in 0..<index { bytes.append(encoded[position]) }
        while index < encoded.count {
            var byte = encoded[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < encoded.count, let high = hexDigit(encoded[index + 1]),
                    let low = hexDigit(encoded[index + 2])
                else { return nil }
                byte = high << 4 | low
                index += 2
            } else if plusIsSpace, byte == UInt8(ascii: "+") {
                byte = UInt8(ascii: " ")
            }
            guard takesControls || byte >= 0x20 && byte != 0x7f else { return nil }
            bytes.append(byte)
            index += 1
        }
        guard let valid = try? UTF8Span(validating: bytes.span) else { return nil }
        let text = String(copying: valid)
        return text.hasMarksInARow() ? nil : text
    }

    /// Whether the byte is an ASCII character that is not encoded.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "%") && byte != UInt8(ascii: "+")
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init)
    }
}

/// Fields of `application/x-www-form-urlencoded` text, in order: a query, or the body of a form.
package struct FormFields: Sendable {
    package let fields: [(name: String, value: String)]

    /// The maximum number of fields in a text.
    private static let limit = 1_000

    /// Nil when the text is not form-encoded UTF-8 or holds too many fields.
    ///
    /// - Parameters:
    ///   - parameters: those with values that may contain control characters.
    ///   - takesControls: whether all values may.
    package init?(parsing text: Substring, takingControls parameters: [String] = [], takesControls: Bool = false) {
        // By bytes: the sender decides how many bytes a character has.
        let bytes = text.utf8Span.span
        var fields: [(name: String, value: String)] = []
        var start = 0
        while start < bytes.count {
            var (end, separator) = (start, bytes.count)
            while end < bytes.count, bytes[end] != UInt8(ascii: "&") {
                if bytes[end] == UInt8(ascii: "="), separator == bytes.count { separator = end }
                end += 1
            }
            separator = min(separator, end)
            if end > start {
                let value = bytes.extracting(min(separator + 1, end)..<end)
                guard fields.count < FormFields.limit,
                    let name = PercentEncoding.decode(bytes.extracting(start..<separator), plusIsSpace: true),
                    let value = PercentEncoding.decode(
                        value, plusIsSpace: true, takesControls: takesControls || parameters.contains(name))
                else { return nil }
                fields.append((name: name, value: value))
            }
            start = end + 1
        }
        self.fields = fields
    }

    package subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// The same with one field for each of these names, which has all of its values, separated by commas: clients
    /// send lists as `a=1&a=2`.
    package func joining(_ names: [String]) -> FormFields {
        guard !names.isEmpty, duplicate != nil else { return self }
        var joined: [(name: String, value: String)] = []
        var values: [String: [String]] = [:]
        for field in fields where names.contains(field.name) { values[field.name, default: []].append(field.value) }
        for field in fields {
            guard names.contains(field.name) else { joined.append(field); continue }
            guard let all = values.removeValue(forKey: field.name) else { continue }
            joined.append((name: field.name, value: all.joined(separator: ",")))
        }
        return FormFields(fields: joined)
    }

    package static let none = FormFields(fields: [])

    private init(fields: [(name: String, value: String)]) { self.fields = fields }

    /// The first name that occurs twice.
    package var duplicate: String? {
        var seen: Set<TextKey> = []
        return fields.first { !seen.insert(TextKey($0.name)).inserted }?.name
    }
}
