import JSON
import Testing

/// RFC 8265, section 3.3, and RFC 8264.
@Suite struct UsernameProfileTests {
    @Test(arguments: [
        "ann", "Ann", "a.b+c-d_e", "juliet@example.com", "fussball", "fu\u{DF}ball", "\u{3C0}", "\u{3A3}", "\u{3C3}",
        "\u{3C2}", "Jos\u{E9}", "Jose\u{301}", "\u{1FB3}", "\u{13A0}\u{AB70}", "\u{445}\u{430}", "\u{4E8C}\u{3007}",
        "\u{3072}\u{3089}", "\u{D55C}\u{AE00}", "\u{5D0}\u{5D1}", "\u{627}\u{644}\u{6F1}", "\u{5D0}1", "\u{928}\u{947}",
        "\u{FF21}\u{FF4E}", "user1", "`", "~!#$%&'*/=?^{|}",
    ])
    func acceptsLettersDigitsAndASCII(name: String) {
        #expect(UsernameProfile.allows(name))
    }

    @Test(arguments: [
        "", " ", "a b", "a\u{A0}b", "a\n", "\u{7F}", "\u{9B}", "\u{3000}",
        // Invisible.
        "a\u{200B}", "a\u{2800}", "a\u{FE0F}", "a\u{34F}", "a\u{3164}", "a\u{AD}", "a\u{200D}", "a\u{200C}",
        "a\u{2060}", "a\u{FEFF}", "a\u{202E}", "a\u{2066}", "a\u{E0061}", "a\u{115F}", "a\u{FFA0}", "a\u{17B4}",
        "a\u{180B}",
        // Compatible with other characters.
        "\u{FB01}", "\u{1D400}", "\u{2460}", "\u{B5}", "\u{17F}", "\u{2126}\u{2160}", "\u{FF76}", "\u{AA}", "\u{3D0}",
        // Symbols, punctuation, numbers of letters, marks around letters, jamo, unassigned and private characters.
        "\u{265A}", "\u{2019}", "\u{B7}", "\u{2163}", "a\u{20DD}", "\u{1F600}", "\u{1100}", "\u{378}", "\u{E000}",
        "\u{640}",
        // Both directions.
        "a\u{5D0}", "\u{5D0}a", "1\u{5D0}", "\u{5D0}.", "\u{627}1\u{661}",
    ])
    func refusesLookAlikes(name: String) {
        #expect(!UsernameProfile.allows(name))
    }

    @Test(arguments: [
        ("ann", "ann"), ("Ann", "Ann"), ("Jose\u{301}", "Jos\u{E9}"), ("\u{212B}", "\u{C5}"),
        ("\u{FF21}\u{FF4E}\u{FF4E}\u{FF20}", "Ann@"),
    ])
    func composesAndNarrows(name: String, enforced: String) {
        #expect(Array(UsernameProfile.enforced(name).utf8) == Array(enforced.utf8))
    }

    /// What is stored is allowed, and does not change again.
    @Test func enforcementIsIdempotent() {
        for value in UInt32(0)..<0x30000 {
            guard let scalar = Unicode.Scalar(value), UsernameProfile.allows(String(scalar)) else { continue }
            let enforced = UsernameProfile.enforced(String(scalar))
            #expect(UsernameProfile.allows(enforced), "U+\(String(value, radix: 16))")
            #expect(Array(UsernameProfile.enforced(enforced).utf8) == Array(enforced.utf8))
        }
    }
}
