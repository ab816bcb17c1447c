import JSON

/// Percent-encoding (RFC 3986, section 2.1) and the form encoding built on it.
package enum PercentEncoding {
    /// The decoded text, or nil for a broken escape, text that is not UTF-8, a control character (a line feed must
    /// never reach a log or a header), or combining marks without end, which take long to compare.
    package static func decode(_ encoded: some Collection<UInt8>, plusIsSpace: Bool = false) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.count)
        var rest = encoded.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self), !text.hasMarksInARow() else { return nil }
        return text
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Fields of `application/x-www-form-urlencoded` text, in order: a query, or the body of a form.
package struct FormFields: Sendable {
    package let fields: [(name: String, value: String)]

    /// At most this many fields in a text.
    private static let limit = 1_000

    /// Nil when the text is not form-encoded UTF-8 or holds too many fields.
    package init?(parsing text: some StringProtocol) {
        // By bytes: characters are many bytes wide at the sender's will.
        let pairs = text.utf8.split(separator: UInt8(ascii: "&"), maxSplits: FormFields.limit)
        guard pairs.count <= FormFields.limit else { return nil }
        var fields: [(name: String, value: String)] = []
        for pair in pairs {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0], plusIsSpace: true),
                let value = PercentEncoding.decode(parts.count > 1 ? Array(parts[1]) : [], plusIsSpace: true)
            else { return nil }
            fields.append((name: name, value: value))
        }
        self.fields = fields
    }

    package subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// The first name that occurs twice.
    package var duplicate: String? {
        var seen: Set<String> = []
        return fields.first { !seen.insert($0.name).inserted }?.name
    }
}
