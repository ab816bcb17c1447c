import JSON
import Testing

@Suite struct TextPositionTests {
    @Test(arguments: [
        ("{", 1, 2), ("[1,]", 1, 4), ("[1 2]", 1, 4), ("{\"a\":1,}", 1, 8), ("{\"a\" 1}", 1, 6), ("{a:1}", 1, 2),
        ("01", 1, 2), ("[1.]", 1, 4), ("[-]", 1, 3), ("nulll", 1, 5), ("nuxl", 1, 3), ("[\"a\nb\"]", 1, 4),
        ("{}\n{}", 2, 1), ("[\n1,\n\n  x]", 4, 3), ("\r\n]", 2, 1), ("[\"é😀\",]", 1, 7), ("\"\\x41\"", 1, 2),
        ("[\"ab\\ud800\"]", 1, 5), ("\"\\ud83d\\ude00", 1, 14), ("[1}", 1, 3), ("", 1, 1), ("{\"a\":[{}}]", 1, 9),
    ])
    func findsTheFirstWrongByte(text: String, line: Int, column: Int) {
        let position = TextPosition(ofSyntaxErrorIn: Array(text.utf8))
        #expect(position == TextPosition(line: line, column: column))
    }

    /// A byte that is removed from, or inserted into, a valid document is found at its place or after it, exactly if
    /// the parser refuses the document because of its syntax.
    @Test func agreesWithTheParser() {
        let valid = Array(#"{"a": [1, -2.5e+3, true, null, "x\u00e9\n"], "b": {"c": [], "d": {}}, "e": false}"#.utf8)
        for index in valid.indices {
            for changed in [nil, UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "]"), UInt8(ascii: "0")] {
                var bytes = valid
                if let changed { bytes.insert(changed, at: index) } else { bytes.remove(at: index) }
                let error = Self.error(bytes)
                let position = TextPosition(ofSyntaxErrorIn: bytes)
                #expect((position != nil) == (error == .syntax), "\(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }

    /// Hostile documents are read in linear time, and without recursion.
    @Test func readsDeepDocuments() {
        let deep = Array(repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(TextPosition(ofSyntaxErrorIn: deep) == TextPosition(line: 1, column: 1_000_001))
    }

    private static func error(_ bytes: [UInt8]) -> JSONError? {
        do {
            _ = try JSON(parsing: bytes)
            return nil
        } catch {
            return error
        }
    }
}
