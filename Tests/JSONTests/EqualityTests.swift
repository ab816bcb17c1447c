import JSON
import Testing

/// Values are equal if their texts consist of the same bytes, also inside of arrays and objects.
@Suite struct EqualityTests {
    private static let composed = "caf\u{E9}"
    private static let decomposed = "cafe\u{301}"

    @Test func textsAreComparedByBytes() {
        let (one, other) = (JSON.string(Self.composed), JSON.string(Self.decomposed))
        #expect(one == .string(Self.composed) && other == .string(Self.decomposed))
        #expect(one != other)
        #expect(JSON.array([1, one]) != [1, other])
        #expect(JSON.object(JSONObject([.init(name: "a", value: one)])) != ["a": other])
        #expect(JSON.object(JSONObject([.init(name: Self.composed, value: 1)])) != [Self.decomposed: 1])
        #expect(JSON.string("\u{212A}") != "K")
    }

    @Test(
        arguments: [
            nil, true, false, 0, 1, .unsigned(.max), 1.5, 0.0, .number(-0.0), "", "a", [], [1], [1, 2], [:], ["a": 1],
            ["a": 2], ["b": 1],
        ] as [JSON])
    func aValueEqualsOnlyItself(value: JSON) throws {
        #expect(try JSON(parsing: value.serialized()) == value)
        let others: [JSON] = [
            .null, .bool(true), .bool(false), 0, 1, 1.5, 0.0, .number(-0.0), "", "a", [], [1], [:], ["a": 1],
        ]
        for other in others where other.text != value.text { #expect(other != value) }
    }

    @Test func schemasCompareByBytes() {
        let schema = JSONSchema.object(required: [
            Self.composed: .string(enum: [Self.composed]), "c": .constant(.string(Self.composed)),
        ])
        #expect(schema.violations(in: [Self.composed: .string(Self.composed), "c": .string(Self.composed)]) == [])
        let other: JSON = [Self.decomposed: .string(Self.composed), "c": .string(Self.composed)]
        #expect(schema.violations(in: other).map(\.message) == ["is not a known field", "is required"])
        let values: JSON = [Self.composed: .string(Self.decomposed), "c": .string(Self.decomposed)]
        #expect(schema.violations(in: values).count == 2)
    }
}
