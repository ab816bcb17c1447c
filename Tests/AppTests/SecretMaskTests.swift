import Foundation
import Testing

@testable import App

@Suite struct SecretMaskTests {
    private static let secret = "s/k+é \"quoted\" \\ 😀 key~_-?>"
    private let mask = SecretMask([secret])

    /// What is left of an encoded secret: base64 cannot be cut at each bit, so that up to three characters stay.
    private func remainder(of text: String) -> String {
        mask.masked("before \(text) after").replacing("before ", with: "").replacing(" after", with: "")
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
    func anEncodedSecretIsReplaced(text: String) {
        #expect(!text.isEmpty && remainder(of: text) == SecretMask.replacement)
    }

    /// Wherever the secret begins and ends within what is encoded, in both alphabets, with and without padding, and
    /// percent-encoded or escaped once more.
    @Test(arguments: ["", "a", "ab", "abc", "user:"], ["", "z", "yz", "xyz"])
    func base64IsReplaced(prefix: String, suffix: String) {
        let encoded = Data((prefix + Self.secret + suffix).utf8).base64EncodedString()
        let url = encoded.replacing("+", with: "-").replacing("/", with: "_")
        let forms = [
            encoded, url, url.replacing("=", with: ""), encoded.replacing("/", with: "\\/"),
            encoded.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "",
        ]
        for form in forms {
            let rest = remainder(of: form)
            #expect(rest.contains(SecretMask.replacement), "\(form)")
            let padding = 9
            #expect(rest.utf8.count <= (prefix + suffix).utf8.count * 2 + 3 + 4 + padding, "\(form): \(rest)")
        }
    }

    @Test(arguments: [
        "", "nothing", "s/k+é", "%", "%7", "\\", "\\u", "\\u00", "%73%2", String(secret.dropLast()),
        "s/k+e \"quoted\" \\ 😀 key~_-?>", "\\\\\\\\\\\\\\\\", "%2Fs%2F",
    ])
    func everythingElseStays(text: String) { #expect(mask.masked(text) == text) }

    @Test func everyOccurrenceIsReplaced() {
        let mask = SecretMask(["first-secret", "secret-two"])
        #expect(mask.masked("first-secretfirst-secret, secret-two.") == "******, ***.")
        // What overlaps is replaced as far as the first one reaches.
        #expect(mask.masked("first-secret-two") == "***-two")
        #expect(mask.masked([0xff, 0x00] + Array("first-secret".utf8) + [0xfe]) == [0xff, 0, 0x2a, 0x2a, 0x2a, 0xfe])
    }

    @Test func shortSecretsAreNotSearched() { #expect(SecretMask(["short", ""]).masked("short") == "short") }

    @Test func backslashesOfASecretAreFound() {
        let mask = SecretMask([#"C:\\share\key"#])
        for text in [#"C:\\share\key"#, #"C:\\\\share\\key"#, #"C:\\\\\\\\share\\\\key"#, "C%3A%5C%5Cshare%5ckey"] {
            #expect(mask.masked(text) == "***", "\(text)")
        }
    }
}
