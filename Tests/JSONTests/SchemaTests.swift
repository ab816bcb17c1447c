import JSON
import Testing

@Suite struct SchemaTests {
    private static let person = JSONSchema.object(
        required: ["email": .string(maxLength: 20, format: .email), "age": .integer(0...150)],
        optional: ["tags": .array(of: .string(minLength: 1), count: 0...3), "nick": .string(maxLength: 5).nullable])

    @Test(
        arguments: [
            (.any, ["a": [1, nil, "x"]]), (.null, nil), (.boolean, false), (.integer, .integer(.min)),
            (.integer(1...3), 3),
            (.number, 1.5), (.number, 7), (.number, .unsigned(.max)), (.number(0...1), 1), (.number(0...1), 0.5),
            (.string, ""), (.string(minLength: 2, maxLength: 2), "😀é"), (.string(enum: ["skip", "once"]), "once"),
            (.string(format: .email), "a.b+c@example.org"), (.string(format: .email), "ü@bücher.example"),
            (.string(format: .uuid), "0190163d-8694-739b-aea5-966c26f8ad91"),
            (.string(format: .uuid), "0190163D-8694-739B-AEA5-966C26F8AD91"),
            (.constant(1), 1), (.array(of: .integer), [1, 2]), (.array(of: .any, count: 1...1), [[]]),
            (.object(), [:]), (.object(additional: .any), ["x": [1]]), (.object(optional: ["a": .null]), ["a": nil]),
            (.anyOf([.string, .integer]), 4), (.string.nullable, nil), (.anyOf([.constant("a"), .constant("b")]), "b"),
            (.unchecked(.object(required: ["a": .null])), ["b": 1]), (.unchecked(.string).nullable, 1),
        ] as [(JSONSchema, JSON)])
    func acceptsValidValues(schema: JSONSchema, value: JSON) {
        #expect(schema.violations(in: value) == [])
    }

    @Test func acceptsAnObjectWithAllMembers() {
        let value: JSON = ["age": 4, "email": "a@b", "nick": nil, "tags": ["x"]]
        #expect(Self.person.violations(in: value) == [])
    }

    @Test(
        arguments: [
            (.null, 1, "must be null"), (.boolean, "true", "must be true or false"), (.string, 1, "must be a string"),
            (.integer, 1.0, "must be an integer"), (.integer, "1", "must be an integer"),
            (.integer, .unsigned(.max), "must be at most 9223372036854775807"),
            (.integer(1...3), 0, "must be at least 1"), (.integer(1...3), 4, "must be at most 3"),
            (.number, "1", "must be a number"), (.number(0...0.5), 0.75, "must be at most 0.5"),
            (.number(0...1), -1, "must be at least 0.0"),
            (.string(minLength: 1), "", "must not be empty"),
            (.string(minLength: 3), "é😀", "must have at least 3 characters"),
            (.string(maxLength: 2), "aé😀", "must have at most 2 characters"),
            (.string, "a\u{0}b", "must not contain U+0000"),
            (.string(format: .email), "a", "must be an e-mail address"),
            (.string(format: .email), "@b", "must be an e-mail address"),
            (.string(format: .email), "a@", "must be an e-mail address"),
            (.string(format: .email), "a@b@c", "must be an e-mail address"),
            (.string(format: .email), .string(String(repeating: "a", count: 253) + "@b"), "must be an e-mail address"),
            (.string(format: .email), "a b@c", "must be an e-mail address"),
            (.string(format: .email), "a@b\r\nc", "must be an e-mail address"),
            (.string(format: .email), "\u{FEFF}a@b", "must be an e-mail address"),
            (.string(format: .email), "a\u{200B}@b", "must be an e-mail address"),
            (.string(format: .email), "a@b\u{202E}", "must be an e-mail address"),
            (.string(format: .email), "a\u{3164}@b", "must be an e-mail address"),
            (.string(format: .uuid), "0190163d-8694-739b-aea5-966c26f8ad9", "must be a UUID"),
            (.string(format: .uuid), "0190163d8694739baea5966c26f8ad91", "must be a UUID"),
            (.string(format: .uuid), "0190163d-8694-739b-aea5-966c26f8ad9g", "must be a UUID"),
            (.constant(["a": 1]), 1, #"must be {"a":1}"#),
            (.array(of: .any), [:], "must be an array"), (.array(of: .any, count: 1...2), [], "must not be empty"),
            (.array(of: .any, count: 2...9), [1], "must have at least 2 elements"),
            (.array(of: .any, count: 0...1), [1, 2], "must have at most 1 element"),
            (.array(of: .any, count: 1...2), [1, 2, 3], "must have at most 2 elements"),
            (.object(), [], "must be an object"),
            (.anyOf([.string, .integer]), true, "must be a string or an integer"),
            (.string.nullable, 1, "must be a string or null"),
            (.string(maxLength: 1).nullable, "ab", "must have at most 1 character"),
        ] as [(JSONSchema, JSON, String)])
    func refusesInvalidValues(schema: JSONSchema, value: JSON, message: String) {
        #expect(schema.violations(in: value) == [Violation(pointer: "", message: message)])
    }

    @Test func reportsAllViolations() {
        let value: JSON = ["emial": "a@b", "age": 200, "tags": ["x", "", 3], "is_admin": true, "nick": "toolong"]
        #expect(
            Self.person.violations(in: value) == [
                Violation(pointer: "/emial", message: "is not a known field", hint: "did you mean 'email'?"),
                Violation(pointer: "/age", message: "must be at most 150"),
                Violation(pointer: "/tags/1", message: "must not be empty"),
                Violation(pointer: "/tags/2", message: "must be a string"),
                Violation(pointer: "/is_admin", message: "is not a known field"),
                Violation(pointer: "/nick", message: "must have at most 5 characters"),
                Violation(pointer: "/email", message: "is required"),
            ])
    }

    /// Names that the object already has are not suggested.
    @Test func suggestsOnlyMissingNames() {
        let schema = JSONSchema.object(optional: ["task1": .any, "task2": .any])
        #expect(schema.violations(in: ["task1": 1, "task3": 1]).map(\.hint) == ["did you mean 'task2'?"])
        #expect(schema.violations(in: ["task1": 1, "task2": 2, "task3": 1]).map(\.hint) == [nil])
        #expect(
            JSONSchema.string(enum: ["skip", "once"]).violations(in: "skp").map(\.hint) == ["did you mean 'skip'?"])
    }

    /// The others are counted.
    @Test func reportsAtMostAHundredViolations() {
        let array = JSON.array(Array(repeating: "x", count: 100_000))
        let schema = JSONSchema.array(of: .integer)
        for violations in [schema.violations(in: array), schema.nullable.violations(in: array)] {
            #expect(violations.count == 100 && violations.omitted == 99_900)
        }
        let object = JSON.object(JSONObject((0..<10_000).map { .init(name: "n\($0)", value: 0) }))
        let violations = Self.person.violations(in: object)
        #expect(violations.count == 100 && violations.omitted > 9_800)
    }

    /// A long name with many violations would make the response far larger than the request. They have the pointer of
    /// the object that has the name.
    @Test func doesNotRepeatALongNameForEachViolation() {
        let name = String(repeating: "n", count: 500_000)
        let value = JSON.object(JSONObject([.init(name: name, value: .array(Array(repeating: "x", count: 100)))]))
        let schema = JSONSchema.object(additional: .array(of: .integer))
        for violations in [schema.violations(in: value), schema.nullable.violations(in: value)] {
            #expect(violations.count == 100)
            #expect(violations.allSatisfy { $0 == Violation(pointer: "", message: "must be an integer") })
        }
    }

    @Test func quotesOnlyTheBeginningOfALongText() {
        let name = String(repeating: "é", count: 500_000)
        let violation = Violation(pointer: "/a", message: name, hint: name)
        #expect(violation.message == String(repeating: "é", count: 500) + "…" && violation.hint == violation.message)
        let short = String(repeating: "é", count: 500)
        #expect(Violation(pointer: "/a", message: short).message == short)
    }

    @Test func countsWhatExceedsTheSize() {
        let long = String(repeating: "é", count: 500)
        var violations = Violations((0..<100).map { Violation(pointer: "/\($0)", message: long) })
        #expect(violations.count == 66 && violations.omitted == 34)
        violations.append(contentsOf: Violations((0..<200).map { Violation(pointer: "/\($0)", message: "x") }))
        #expect(violations.count == 66 && violations.omitted == 234)
    }

    @Test(
        arguments: [
            (["a": ["b": ["x", "\u{0}"]]], "/a/b/1", "must not contain U+0000"),
            (["a/b": ["~": "\u{0}"]], "/a~1b/~0", "must not contain U+0000"),
            (["a": ["\u{0}": 1]], "/a/\u{0}", "must not have U+0000 in its name"),
        ] as [(JSON, String, String)])
    func refusesNULAtEveryPosition(value: JSON, pointer: String, message: String) {
        let expected: Violations = [Violation(pointer: pointer, message: message)]
        #expect(JSONSchema.any.violations(in: value) == expected)
        #expect(JSONSchema.unchecked(.any).violations(in: value).isEmpty)
        #expect(JSONSchema.object(additional: .any).violations(in: value) == expected)
        #expect(JSONSchema.any.nullable.violations(in: value) == expected)
    }

    @Test func anyOfReportsTheNearestAlternative() {
        let circle = JSONSchema.object(required: ["kind": .constant("circle"), "radius": .number])
        let square = JSONSchema.object(required: ["kind": .constant("square"), "side": .number])
        let shape = JSONSchema.anyOf([circle, square])
        #expect(shape.violations(in: ["kind": "square", "side": 2]) == [])
        #expect(
            shape.violations(in: ["kind": "square", "side": "2"]) == [
                Violation(pointer: "/side", message: "must be a number")
            ])
    }
}
