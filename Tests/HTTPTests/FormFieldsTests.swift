import HTTP
import Testing

@Suite struct FormFieldsTests {
    @Test(
        arguments: [
            ("", [:]), ("a=1", ["a": "1"]), ("a=1&b=2", ["a": "1", "b": "2"]), ("a", ["a": ""]), ("a=", ["a": ""]),
            ("=v", ["": "v"]), ("a=b=c", ["a": "b=c"]), ("&a=1&&b=2&", ["a": "1", "b": "2"]),
            ("a+b=c+d", ["a b": "c d"]),
            ("a%2Bb=%26%3D%25", ["a+b": "&=%"]), ("e=a%40b.example&n=%C3%A9", ["e": "a@b.example", "n": "é"]),
        ] as [(String, [String: String])])
    func parsesPairs(text: String, expected: [String: String]) throws {
        let fields = try #require(FormFields(parsing: text[...])).fields
        #expect(Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.value) }) == expected)
    }

    @Test(arguments: ["a=%", "a=%4", "a=%xy", "%ff=1", "a=%00", "a=1%0A", "a=\n", "a=%C3"])
    func refusesInvalidEncodings(text: String) {
        #expect(FormFields(parsing: text[...]) == nil)
    }

    @Test func keepsTheOrder() throws {
        let fields = try #require(FormFields(parsing: "b=1&a=2&c=3"[...]))
        #expect(fields.fields.map(\.name) == ["b", "a", "c"])
        #expect(fields["c"] == "3")
        #expect(fields["d"] == nil)
        #expect(fields.duplicate == nil)
    }

    @Test func reportsDuplicateNames() throws {
        #expect(try #require(FormFields(parsing: "a=1&b=2&%61=3"[...])).duplicate == "a")
        #expect(try #require(FormFields(parsing: "%C3%A9=1&e%CC%81=2"[...])).duplicate == nil)
    }

    @Test(arguments: [
        ("a=1&b=2&a=3", "a=1,3 b=2"), ("b=2&a=1&c=3&a=&a=4", "b=2 a=1,,4 c=3"), ("b=1&b=2&a=1", "b=1 b=2 a=1"),
        ("a=1,2&c=3", "a=1,2 c=3"), ("", ""),
    ])
    func joinsTheValuesOfAList(text: String, expected: String) throws {
        let fields = try #require(FormFields(parsing: text[...])).joining(["a"]).fields
        #expect(fields.map { "\($0.name)=\($0.value)" }.joined(separator: " ") == expected)
    }

    @Test func acceptsAtMostAThousandFields() {
        let pairs = (1...1_001).map { "f\($0)=v" }
        #expect(FormFields(parsing: pairs.dropLast().joined(separator: "&")[...])?.fields.count == 1_000)
        #expect(FormFields(parsing: pairs.joined(separator: "&")[...])?.fields.count == nil)
    }
}

@Suite struct PercentEncodingTests {
    @Test func plusIsASpaceInFormsOnly() {
        #expect(PercentEncoding.decode("a+b%2B".utf8Span.span) == "a+b+")
        #expect(PercentEncoding.decode("a+b%2B".utf8Span.span, plusIsSpace: true) == "a b+")
    }

    @Test func decodesOnce() {
        #expect(PercentEncoding.decode("%2541".utf8Span.span) == "%41")
    }

    @Test func acceptsHexadecimalDigitsInEitherCase() {
        #expect(PercentEncoding.decode("%c3%A9%3a%3A".utf8Span.span) == "é::")
    }
}
