import Crypto
import HTTP
import HTTPClient

/// Finds secrets in what a service has answered, in any of their usual forms, and replaces them.
///
/// A secret is found if each of its characters is written as itself, percent-encoded (RFC 3986, section 2.1; a space
/// also as `+`), or escaped as in JSON (RFC 8259, section 7); and if it is encoded in base64 or base64url (RFC 4648),
/// alone or within a longer text, such as `USER:PASSWORD` in Basic authentication.
struct SecretMask: Sendable {
    static let replacement = "***"
    /// Shorter secrets are not masked: too much else is equal to them.
    static let minimumLength = 8

    private let patterns: [[Unicode.Scalar]]
    /// Whether a byte may be the first of a pattern's.
    private let starts: [Bool]

    init(_ secrets: [String]) {
        let secrets = secrets.filter { $0.utf8.count >= Self.minimumLength }
        var patterns: [[Unicode.Scalar]] = []
        for text in secrets + secrets.flatMap(Self.encodings) {
            let pattern = Array(text.unicodeScalars)
            if !patterns.contains(pattern) { patterns.append(pattern) }
        }
        self.patterns = patterns
        var starts = [Bool](repeating: false, count: 256)
        for byte in patterns.compactMap({ $0.first.map { String($0).utf8.first ?? 0 } }) { starts[Int(byte)] = true }
        if patterns.contains(where: { $0.first == " " }) { starts[Int(UInt8(ascii: "+"))] = true }
        starts[Int(UInt8(ascii: "%"))] = true
        starts[Int(UInt8(ascii: "\\"))] = true
        self.starts = starts
    }

    func masked(_ text: String) -> String { String(decoding: masked(Array(text.utf8)), as: UTF8.self) }

    func masked(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var position = 0
        /// Where what has been looked at and not been copied begins.
        var rest = 0
        while position < bytes.count {
            guard starts[Int(bytes[position])], let end = end(ofSecretAt: position, in: bytes) else {
                position += 1
                continue
            }
            result += bytes[rest..<position]
            result += Self.replacement.utf8
            (position, rest) = (end, end)
        }
        guard rest > 0 else { return bytes }
        return result + bytes[rest...]
    }

    /// The answer without the secrets.
    func masked(_ response: IncomingResponse) -> IncomingResponse {
        var headers: Headers = [:]
        for field in response.headers.fields { headers.append(name: masked(field.name), value: masked(field.value)) }
        return IncomingResponse(status: response.status, headers: headers, body: masked(response.body))
    }

    /// The longest one, so that nothing of it stays.
    private func end(ofSecretAt position: Int, in bytes: [UInt8]) -> Int? {
        patterns.compactMap { pattern in
            var ends = [position]
            for scalar in pattern {
                ends = WrittenScalar.ends(of: scalar, at: ends, in: bytes)
                if ends.isEmpty { return nil }
            }
            return ends.max()
        }.max()
    }

    /// What base64 and base64url make of the secret wherever it begins within a text: the characters that are the same
    /// whatever precedes and follows it.
    private static func encodings(of secret: String) -> [String] {
        (0..<3).flatMap { offset -> [String] in
            let bits = 8 * (offset + secret.utf8.count)
            let encoded = Base64URL.encode(Array(repeating: 0, count: offset) + secret.utf8)
            let common = encoded.dropFirst((8 * offset + 5) / 6).dropLast(bits % 6 == 0 ? 0 : 1)
            let standard = common.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
            return [String(common), String(standard)]
        }
    }
}
