import JSON
import Testing

@Suite struct WritingTests {
    @Test(
        arguments: [
            (nil, "null"), (true, "true"), (false, "false"), ([], "[]"), ([:], "{}"), ("", "\"\""),
            (0, "0"), (-1, "-1"), (.integer(.max), "9223372036854775807"), (.integer(.min), "-9223372036854775808"),
            (.unsigned(.max), "18446744073709551615"), (9_007_199_254_740_993, "9007199254740993"),
            (.number(1), "1.0"), (0.1, "0.1"), (.number(-0.0), "-0.0"), (.number(100), "100.0"),
            (.number(1e20), "1e+20"),
            (.number(.leastNonzeroMagnitude), "5e-324"), (.number(.greatestFiniteMagnitude), "1.7976931348623157e+308"),
            ("a\"b\\c/d", #""a\"b\\c/d""#), ("\n\r\t", #""\n\r\t""#),
            ("\u{0}\u{1}\u{8}\u{C}\u{1F}\u{7F}", "\"\\u0000\\u0001\\b\\f\\u001f\u{7F}\""),
            ("é€😀\u{2028}", "\"é€😀\u{2028}\""),
            (["b": 1, "a": [nil, ["\"": 2.5]]], #"{"b":1,"a":[null,{"\"":2.5}]}"#),
        ] as [(JSON, String)])
    func writesValues(value: JSON, text: String) throws {
        #expect(value.text == text)
        #expect(value.serialized() == Array(text.utf8))
        #expect(try JSON(parsing: Array(text.utf8)) == value)
    }

    @Test func writesMemberByMember() throws {
        let text = JSONText.object { object in
            object.member("string", "é\"")
            object.member("none", optional: nil)
            object.member("some", optional: "x")
            object.member("int", 7)
            object.member("integer", Int64.min)
            object.member("value", ["a": [1, ["b": nil]]])
            object.arrayMember("empty") { _ in }
            object.arrayMember("objects") { array in
                for number in 1...2 {
                    array.element { element in
                        element.member("number", number)
                        element.arrayMember("inner") { $0.element { $0.member("again", number) } }
                        element.member("last", [:])
                    }
                }
            }
            object.member("object") { $0.member("inner", true) }
            object.member("end", "")
        }
        #expect(
            String(decoding: text.bytes, as: UTF8.self) == """
                {"string":"é\\"","none":null,"some":"x","int":7,"integer":-9223372036854775808,\
                "value":{"a":[1,{"b":null}]},"empty":[],"objects":[{"number":1,"inner":[{"again":1}],"last":{}},\
                {"number":2,"inner":[{"again":2}],"last":{}}],"object":{"inner":true},"end":""}
                """)
        #expect(JSONText.object { _ in } == JSONText([:]))
        #expect(JSONText.array { $0.element { $0.member("n", 5) } } == JSONText([["n": 5]]))
    }

    @Test func writesAValueTwice() throws {
        for value in [nil, "a", ["b": [1, 2]], .string(String(repeating: "x", count: 5_000))] as [JSON] {
            let text = JSONText.object { object in
                object.member("before", 1)
                object.members("first", "second", value)
                object.member("after", 2)
            }
            #expect(text == JSONText(["before": 1, "first": value, "second": value, "after": 2]))
        }
    }

    @Test(arguments: [
        (0, "0.000"), (7, "0.007"), (1_000, "1.000"), (12_345, "12.345"), (-1, "-0.001"), (-20_050, "-20.050"),
        (Int64.max, "9223372036854775.807"), (Int64.min, "-9223372036854775.808"),
    ])
    func writesThousandths(value: Int64, text: String) {
        let object = JSONText.object { $0.member("n", thousandths: value) }
        #expect(String(decoding: object.bytes, as: UTF8.self) == "{\"n\":\(text)}")
    }

    /// Texts of every length, so that the buffer grows at every position of a text.
    @Test(arguments: ["a", "\u{1}"]) func writesTextsOfEveryLength(character: Character) throws {
        for length in stride(from: 0, through: 1_100, by: character == "a" ? 1 : 3) {
            let name = String(repeating: character, count: length)
            let value: JSON = .object(JSONObject([.init(name: name, value: [1])]))
            #expect(try JSON(parsing: value.serialized()) == value)
        }
    }

    @Test func everyScalarIsParsedAsWritten() throws {
        for start in stride(from: UInt32(0), to: 0x11_0000, by: 0x40) {
            var string = "x"
            string.unicodeScalars.append(contentsOf: (start..<start + 0x40).compactMap(Unicode.Scalar.init))
            #expect(try JSON(parsing: JSON.string(string).serialized()) == .string(string))
        }
    }

    @Test func escapesAtEveryPosition() throws {
        for length in 0..<40 {
            for position in 0...length {
                let string =
                    String(repeating: "a", count: position) + "\"" + String(repeating: "b", count: length - position)
                #expect(try JSON(parsing: JSON.string(string).serialized()) == .string(string))
            }
        }
    }

    @Test func doublesAreParsedExactly() throws {
        var random = SystemRandomNumberGenerator()
        var doubles: [Double] = [
            .pi, 1 / 3, 0.1 + 0.2, 123456789.125, 1e15, 1e16, 1e17, 1e21, 1e22, 1e23, 4.35, 2.2250738585072014e-308,
        ]
        while doubles.count < 20_000 {
            let double = Double(bitPattern: random.next())
            if double.isFinite { doubles.append(double) }
        }
        let array = JSON.array(doubles.map(JSON.number))
        let parsed = try JSON(parsing: array.serialized()).arrayValue ?? []
        #expect(parsed.map { $0.doubleValue?.bitPattern } == doubles.map(\.bitPattern))
    }

    @Test func integersAreParsedExactly() throws {
        var random = SystemRandomNumberGenerator()
        let array = JSON.array(
            (0..<20_000).map { _ in .integer(Int64(bitPattern: random.next()) >> (random.next() % 64)) })
        #expect(try JSON(parsing: array.serialized()) == array)
    }
}
