import Foundation
import Testing

@testable import App

@Suite struct SecretMaskTests {
    private static let secret = "s/k+é \"quoted\" \\ 😀 key~_-?>"
    private let mask = SecretMask([secret])

    /// What is left of an encoded secret: base64 cannot be cut at each bit, so that up to three characters stay.
    private func remainder(of text: String) throws -> String {
        try masked("before \(text) after", by: mask).replacing("before ", with: "").replacing(" after", with: "")
    }

    private func masked(_ text: String, by mask: SecretMask) throws -> String {
        String(decoding: try mask.masked(Array(text.utf8)), as: UTF8.self)
    }

    private static func json(_ text: String) -> String {
        let data = try? JSONSerialization.data(withJSONObject: [text])
        return String(String(decoding: data ?? Data(), as: UTF8.self).dropFirst(2).dropLast(2))
    }

    private static var escapedUnits: String {
        secret.utf16.map { "\\u" + String(format: "%04X", $0) }.joined()
    }

    @Test(
        arguments: [
            secret, json(secret), json(json(secret)), escapedUnits, escapedUnits.lowercased(),
            secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "",
            (secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "").lowercased(),
            secret.utf8.map { String(format: "%%%02x", $0) }.joined(),
            (secret.addingPercentEncoding(withAllowedCharacters: .urlQueryAllowed) ?? "").replacing("%20", with: "+"),
        ])
    func anEncodedSecretIsReplaced(text: String) throws {
        #expect(!text.isEmpty)
        #expect(try remainder(of: text) == SecretMask.replacement)
    }

    /// As pages and feeds of services write it, with the references that their libraries use.
    @Test(arguments: [
        "p&lt;w&gt;&amp;&quot;&#39;100%é", "p&#60;w&#62;&#38;&#34;&#39;100&#37;&#233;",
        "p&#x3c;w&#x3E;&#x26;&#x22;&#x27;100&#x25;&#xE9;", "&#0112;&lt;w&gt;&amp;&#034;&apos;100%é",
        "&#x70;&lt;w&gt;&amp;&quot;&#X27;100%é", "p&lt;w>&\"'100%é",
        "p&amp;lt;w&amp;gt;&amp;amp;&amp;quot;&amp;#39;100%é",
        "p\\u0026lt;w\\u0026gt;\\u0026amp;\\u0026quot;\\u0026#39;100%é",
        "p%3Cw%3E%26%22%27100%25%C3%A9",
    ])
    func referencesOfHTMLAreReplaced(text: String) throws {
        let mask = SecretMask(["p<w>&\"'100%é"])
        #expect(try masked("<b>\(text)</b>", by: mask) == "<b>***</b>")
    }

    @Test(arguments: [
        "p&lt", "p&lt;w&gt;&amp;", "p&#", "p&#;", "p&#x;", "&", "&amp;", "p&#60", "p&lt;w&gt;&lt;&quot;&#39;1",
    ])
    func otherReferencesStay(text: String) throws {
        #expect(try masked(text, by: SecretMask(["p<w>&\"'100%é"])) == text)
    }

    @Test func encodedSpacesAreFoundAfterABackslash() throws {
        #expect(try masked(#"a\\+secret"#, by: SecretMask([#"a\ secret"#])) == "***")
    }

    /// Wherever the secret begins and ends within what is encoded, in both alphabets, with and without padding, and
    /// percent-encoded or escaped once more.
    @Test(arguments: ["", "a", "ab", "abc", "user:"], ["", "z", "yz", "xyz"])
    func base64IsReplaced(prefix: String, suffix: String) throws {
        let encoded = Data((prefix + Self.secret + suffix).utf8).base64EncodedString()
        let url = encoded.replacing("+", with: "-").replacing("/", with: "_")
        let forms = [
            encoded, url, url.replacing("=", with: ""), encoded.replacing("/", with: "\\/"),
            encoded.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "",
        ]
        for form in forms {
            let rest = try remainder(of: form)
            #expect(rest.contains(SecretMask.replacement), "\(form)")
            let padding = 9
            #expect(rest.utf8.count <= (prefix + suffix).utf8.count * 2 + 3 + 4 + padding, "\(form): \(rest)")
        }
    }

    @Test(arguments: [
        "", "nothing", "s/k+é", "%", "%7", "\\", "\\u", "\\u00", "%73%2", String(secret.dropLast()),
        "s/k+e \"quoted\" \\ 😀 key~_-?>", "\\\\\\\\\\\\\\\\", "%2Fs%2F",
    ])
    func everythingElseStays(text: String) throws { #expect(try masked(text, by: mask) == text) }

    /// Also where the text begins with what may begin a secret.
    @Test(arguments: ["\\abcdefg1", "é-secret-1", "\\", "%ab%cd%ef"])
    func textsMayBeginLikeASecret(secret: String) throws {
        let mask = SecretMask([secret + "-of-some-length"])
        for text in ["%", "\\", "X-A", "wa", "+", "é", "%C3", "\\\\", "Xe", "\\u00"] {
            #expect(try masked(text, by: mask) == text)
        }
        #expect(try masked(secret + "-of-some-length", by: mask) == "***")
    }

    /// Neither takes long: what would, is refused.
    @Test(arguments: ["a", "\\", "%61", "aaab", "&#97;"]) func answersThatWouldTakeLongAreRefused(unit: String)
        throws
    {
        let mask = SecretMask([String(repeating: "a", count: 8_000) + "b"])
        let answer = Array(String(repeating: unit, count: (4 << 20) / unit.utf8.count).utf8)
        let time = ContinuousClock().measure { _ = try? mask.masked(answer) }
        #expect(time < .seconds(60))
        if unit == "a" { #expect(throws: SecretMask.TooComplex.self) { try mask.masked(answer) } }
    }

    @Test func everyOccurrenceIsReplaced() throws {
        let mask = SecretMask(["first-secret", "secret-two"])
        #expect(try masked("first-secretfirst-secret, secret-two.", by: mask) == "******, ***.")
        // What overlaps is replaced as far as the first one reaches.
        #expect(try masked("first-secret-two", by: mask) == "***-two")
        let bytes = [0xff, 0x00] + Array("first-secret".utf8) + [0xfe]
        #expect(try mask.masked(bytes) == [0xff, 0, 0x2a, 0x2a, 0x2a, 0xfe])
    }

    @Test func shortSecretsAreNotSearched() throws {
        #expect(try masked("short", by: SecretMask(["short", ""])) == "short")
    }

    @Test func backslashesOfASecretAreFound() throws {
        let mask = SecretMask([#"C:\\share\key"#])
        for text in [#"C:\\share\key"#, #"C:\\\\share\\key"#, #"C:\\\\\\\\share\\\\key"#, "C%3A%5C%5Cshare%5ckey"] {
            #expect(try masked(text, by: mask) == "***", "\(text)")
        }
    }
}
