import JSON
import Testing

/// Parsing of RFC 8259 with the restrictions of this program.
@Suite struct ParsingTests {
    @Test(
        arguments: [
            ("null", .null), (" true\n", true), ("false", false), ("\"\"", ""), ("[]", []), ("{}", [:]),
            ("0", 0), ("-0", 0), ("-1", -1), ("12", 12),
            ("9007199254740993", 9_007_199_254_740_993),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .unsigned(9_223_372_036_854_775_808)), ("18446744073709551615", .unsigned(.max)),
            ("1.0", .number(1)), ("1E2", .number(100)), ("1e-2", 0.01), ("-0.0", .number(-0.0)), ("0.1", 0.1),
            ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)), ("5e-324", .number(.leastNonzeroMagnitude)),
            ("1e-400", .number(0)), ("123456789012345678901234567890.0", .number(123456789012345678901234567890.0)),
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
            (#""\u0041\u00e9\u20AC\uD83D\uDE00\u0000""#, "Aé€😀\u{0}"),
            ("\"é€😀\u{7F}\u{2028}\"", "é€😀\u{7F}\u{2028}"),
            (" [ 1 , [ ] , { \"a\" : { } } ]\t\r\n", [1, [], ["a": [:]]]),
            (#"{"b":1,"a":[null,true],"":"x"}"#, ["b": 1, "a": [nil, true], "": "x"]),
        ] as [(String, JSON)])
    func acceptsValidTexts(text: String, value: JSON) throws {
        #expect(try JSON(parsing: Array(text.utf8)) == value)
        #expect(TextPosition(ofSyntaxErrorIn: Array(text.utf8)) == nil)
    }

    @Test(arguments: [
        "{", "[", "]", "}", "[1", "[1,", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1}", "{]", "{\"a\"", "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{'a':1}", "{1:1}", "{\"a\":1 \"b\":2}", "{\"a\"::1}", "{,}", "[:]",
        "nul", "nulll", "True", "undefined", "NaN", "Infinity", "-Infinity", "-", "+1", "01", "-01", "1.", ".5", "1.e1",
        "1e", "1e+", "0x10", "1_000", "1a", "--1", "1 2", "null null", "{}{}", "[]x", "// c\n1", "/**/1", "[1]//",
        "\"", "\"a", "\"\\\"", "'a'", "\"\\x41\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\U0041\"", "\"\\\n\"",
        "\"a\nb\"", "\"\t\"", "\"\u{0}\"", "\"\u{1F}\"", "\u{0}", "1\u{0}", "[1]\u{0}", "\u{A0}1", "\u{2028}1",
        "\u{C}1",
        #""\ud800""#, #""\udc00""#, #""\ud800\ud800""#, #""\ud800x""#, #""\ud800\n""#, #""\udc00\ud800""#,
        #""\ud800\u0041""#, #"["\udfff"]"#, #"{"\ud83d":1}"#, #""\uD83D\uDE0""#, #""\ud83d"# + "\"",
    ])
    func refusesInvalidTexts(text: String) {
        #expect(throws: JSONError.syntax) { try JSON(parsing: Array(text.utf8)) }
        #expect(TextPosition(ofSyntaxErrorIn: Array(text.utf8)) != nil)
    }

    @Test(arguments: ["", " ", "\n\t \r"])
    func refusesEmptyTexts(text: String) {
        #expect(throws: JSONError.empty) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test(arguments: [
        "1e400", "-1e400", "1e131071", "1e999999999999", "18446744073709551616", "-9223372036854775809",
        "100000000000000000000", "[1,\"\\\"01\",99999999999999999999]", "1" + String(repeating: "0", count: 5000),
    ])
    func refusesNumbersOutOfRange(text: String) {
        #expect(throws: JSONError.numberOutOfRange) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test(
        arguments: [
            [0xEF, 0xBB, 0xBF, 0x7B, 0x7D],  // byte order mark
            [0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00], [0xFE, 0xFF, 0x00, 0x7B, 0x00, 0x7D],  // UTF-16
            [0x22, 0x80, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xE2, 0x82, 0x22],  // incomplete
            [0x22, 0xC0, 0x80, 0x22], [0x22, 0xC1, 0xBF, 0x22], [0x22, 0xE0, 0x80, 0xAF, 0x22],  // overlong
            [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xFF, 0x22],  // no scalar
        ] as [[UInt8]])
    func refusesOtherEncodings(bytes: [UInt8]) {
        #expect(throws: JSONError.encoding) { try JSON(parsing: bytes) }
    }

    @Test func refusesUTF16WithoutMark() {
        #expect(throws: JSONError.self) { try JSON(parsing: [0x7B, 0x00, 0x7D, 0x00]) }
    }

    @Test func keepsTheOrderOfMembers() throws {
        let names = (0..<200).map { "n\(($0 * 7919) % 200)" }
        let text = "{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + "}"
        #expect(try JSON(parsing: Array(text.utf8)).objectValue?.members.map(\.name) == names)
    }

    /// The parser reuses its memory: one document must not affect the next.
    @Test func documentsDoNotAffectEachOther() throws {
        let small = Array("[1,\"two\"]".utf8)
        let large = JSON.array(Array(repeating: "x", count: 50_000))
        let before = try JSON(parsing: small)
        #expect(try JSON(parsing: large.serialized()) == large)
        #expect(throws: JSONError.syntax) { try JSON(parsing: Array("[1,\"tw".utf8)) }
        #expect(try JSON(parsing: small) == before)
        #expect(before == [1, "two"])
    }

    @Test func parsesOnManyThreads() async throws {
        let document: JSON = ["numbers": .array((0..<500).map { JSON($0) }), "text": "é😀"]
        let bytes = document.serialized()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<50).allSatisfy { _ in (try? JSON(parsing: bytes)) == document } }
            }
            for await equal in group { #expect(equal) }
        }
    }
}
