import System
import Testing

@Suite struct BytesTests {
    @Test func hexadecimalIsLowerCase() {
        #expect(Hexadecimal.encode([0x00, 0x9A, 0xFF]) == "009aff")
    }

    @Test func digitsAreOfEitherCase() {
        let digits = (0...UInt8.max).filter(Hexadecimal.isDigit)
        #expect(digits == Array("0123456789ABCDEFabcdef".utf8))
    }

    @Test(
        arguments: [
            ([], [], true), ([1, 2, 3], [1, 2, 3], true), ([1, 2, 3], [1, 2, 4], false), ([1, 2, 3], [1, 2], false),
            ([], [0], false),
        ] as [([UInt8], [UInt8], Bool)])
    func comparesLengthAndBytes(a: [UInt8], b: [UInt8], areEqual: Bool) {
        #expect(constantTimeEquals(a.span, b.span) == areEqual)
    }

    @Test(arguments: [
        ("", "", true), ("a", "a", true), ("a", "b", false), ("a", "ab", false), ("\u{E9}", "\u{E9}", true),
        ("\u{E9}", "e\u{301}", false), ("\u{212A}", "K", false), ("q\u{323}\u{307}", "q\u{307}\u{323}", false),
        ("a text of more than fifteen bytes", "a text of more than fifteen bytes", true),
        ("a text of more than fifteen bytes", "a text of more than fifteen bytez", false),
    ])
    func textsAreComparedByBytes(a: String, b: String, areEqual: Bool) {
        #expect(a.hasSameBytes(as: b) == areEqual)
        #expect((TextKey(a) == TextKey(b)) == areEqual)
        #expect(Set([TextKey(a), TextKey(b)]).count == (areEqual ? 1 : 2))
    }

    /// Each byte value at each position of a word with other bytes that do not match.
    @Test(arguments: 0...7) func everyByteOfAWordIsTested(position: UInt64) {
        let shift = position * 8
        for byte in 0...UInt8.max {
            let word = 0x4141_4141_4141_4141 & ~(0xFF << shift) | UInt64(byte) << shift
            #expect((word.bytes(below: 0x20) & UInt64.highestBits != 0) == (byte < 0x20))
            #expect((word.bytes(equalTo: 0x7F) & UInt64.highestBits != 0) == (byte == 0x7F))
        }
    }

    @Test(arguments: [
        ("0", 0), ("5", 5), ("-5", -5), ("9223372036854775807", .max), ("-9223372036854775808", .min),
        ("+5", nil), ("05", nil), ("00", nil), ("-0", nil), (" 5", nil), ("5 ", nil), ("5.0", nil), ("5e0", nil),
        ("0x5", nil), ("", nil), ("-", nil), ("5_0", nil), ("\u{665}", nil), ("9223372036854775808", nil),
    ])
    func numbersHaveOneSpelling(text: String, number: Int64?) {
        #expect(Int64(plain: text) == number)
        #expect(Int64(plain: Substring(text)) == number)
    }
}
