import Crypto
import HTTP
import HTTPClient

/// Finds secrets in what a service has answered, in any of their usual forms, and replaces them.
///
/// A secret is found if each of its characters is written as itself, percent-encoded (RFC 3986, section 2.1; a space
/// also as `+`), escaped as in JSON (RFC 8259, section 7), or as a reference of XML or HTML (XML 1.0, sections 4.1 and
/// 4.6); and if it is encoded in base64 or base64url (RFC 4648), alone or within a longer text, such as `USER:PASSWORD`
/// in Basic authentication.
struct SecretMask: Sendable {
    static let replacement = "***"
    /// Shorter secrets are not masked: too much else is equal to them.
    static let minimumLength = 8

    /// An answer is such that a search of the secrets in it would take too long.
    struct TooComplex: Error {}

    /// How many characters of secrets may be compared for one answer: some seconds of processor time at most. An
    /// ordinary answer of the greatest size needs a tenth of it.
    private static let maximumSteps = 10_000_000

    private let patterns: [[Unicode.Scalar]]
    /// For each byte the patterns that may begin with it, by their indices.
    private let candidates: [[Int]]

    init(_ secrets: [String]) {
        let secrets = secrets.filter { $0.utf8.count >= Self.minimumLength }
        var patterns: [[Unicode.Scalar]] = []
        for text in secrets + secrets.flatMap(Self.encodings) {
            let pattern = Array(text.unicodeScalars)
            if !patterns.contains(pattern) { patterns.append(pattern) }
        }
        self.patterns = patterns
        var candidates = [[Int]](repeating: [], count: 256)
        for (index, pattern) in patterns.enumerated() {
            guard let first = pattern.first, let byte = String(first).utf8.first else { continue }
            var bytes: Set = [byte, UInt8(ascii: "%"), UInt8(ascii: "\\"), UInt8(ascii: "&")]
            if first == " " { bytes.insert(UInt8(ascii: "+")) }
            for byte in bytes { candidates[Int(byte)].append(index) }
        }
        self.candidates = candidates
    }

    func masked(_ bytes: [UInt8]) throws(TooComplex) -> [UInt8] {
        var steps = Self.maximumSteps
        return try masked(bytes, &steps)
    }

    private func masked(_ text: String, _ steps: inout Int) throws(TooComplex) -> String {
        String(decoding: try masked(Array(text.utf8), &steps), as: UTF8.self)
    }

    private func masked(_ bytes: [UInt8], _ steps: inout Int) throws(TooComplex) -> [UInt8] {
        var result: [UInt8] = []
        var position = 0
        /// Where what has been looked at and not been copied begins.
        var rest = 0
        while position < bytes.count {
            guard let end = try end(ofSecretAt: position, in: bytes, &steps) else {
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
    func masked(_ response: IncomingResponse) throws(TooComplex) -> IncomingResponse {
        var steps = Self.maximumSteps
        var headers: Headers = [:]
        for field in response.headers.fields {
            headers.append(name: try masked(field.name, &steps), value: try masked(field.value, &steps))
        }
        return IncomingResponse(
            status: response.status, headers: headers, body: try masked(response.body, &steps))
    }

    /// The longest one, so that nothing of it stays.
    private func end(ofSecretAt position: Int, in bytes: [UInt8], _ steps: inout Int) throws(TooComplex) -> Int? {
        var longest: Int?
        for index in candidates[Int(bytes[position])] {
            var ends = [position]
            for scalar in patterns[index] {
                steps -= ends.count
                guard steps >= 0 else { throw TooComplex() }
                ends = WrittenScalar.ends(of: scalar, at: ends, in: bytes)
                if ends.isEmpty { break }
            }
            if let end = ends.max() { longest = max(end, longest ?? 0) }
        }
        return longest
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
