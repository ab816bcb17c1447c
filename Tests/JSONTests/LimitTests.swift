import JSON
import Testing

@Suite struct LimitTests {
    private func parse(_ text: String, _ limits: JSONLimits = .standard) throws(JSONError) -> JSON {
        try JSON(parsing: Array(text.utf8), limits: limits)
    }

    private func nested(_ open: String, _ inner: String, _ close: String, _ depth: Int) -> String {
        String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)
    }

    @Test(arguments: [("[", "", "]"), ("[", "1", "]"), ("{\"a\":", "1", "}"), ("[[],", "{}", "]")])
    func limitsTheDepth(open: String, inner: String, close: String) throws {
        let own = inner == "{}" ? 1 : 0
        #expect(throws: Never.self) { try parse(nested(open, inner, close, 64 - own)) }
        #expect(throws: JSONError.tooDeep) { try parse(nested(open, inner, close, 65 - own)) }
        #expect(throws: JSONError.tooDeep) { try parse(nested(open, inner, close, 100_000)) }
    }

    @Test(arguments: ["[", "{\"a\":", "[{\"a\":"])
    func refusesDeepNestingThatIsNotClosed(open: String) {
        #expect(throws: JSONError.self) { try parse(String(repeating: open, count: 100_000)) }
    }

    @Test func limitsTheDepthOfEmptyValues() throws {
        #expect(try parse("1", JSONLimits(depth: 0)) == 1)
        #expect(throws: JSONError.tooDeep) { try parse("[]", JSONLimits(depth: 0)) }
        #expect(throws: JSONError.tooDeep) { try parse("[1]", JSONLimits(depth: 0)) }
        #expect(try parse("[{}]", JSONLimits(depth: 2)) == [[:]])
        #expect(throws: JSONError.tooDeep) { try parse("[{}]", JSONLimits(depth: 1)) }
    }

    @Test func limitsApplyToOneDocument() throws {
        let text = nested("[", "1", "]", 100)
        #expect(throws: JSONError.tooDeep) { try parse(text) }
        #expect(throws: Never.self) { try parse(text, JSONLimits(depth: 100)) }
        #expect(throws: JSONError.tooDeep) { try parse(text) }
    }

    private func object(members count: Int) -> String {
        "{" + (0..<count).map { "\"m\($0)\":0" }.joined(separator: ",") + "}"
    }

    @Test func limitsTheNumberOfMembers() throws {
        #expect(try parse(object(members: 10_000)).objectValue?.count == 10_000)
        #expect(throws: JSONError.tooManyMembers) { try parse(object(members: 10_001)) }
        #expect(throws: JSONError.tooManyMembers) { try parse("[\(object(members: 3))]", JSONLimits(members: 2)) }
        #expect(throws: Never.self) { try parse("[{\"a\":1},{\"b\":2}]", JSONLimits(members: 1)) }
    }

    @Test func limitsTheNumberOfElements() throws {
        let longest = "[" + String(repeating: "0,", count: 99_999) + "0"
        #expect(try parse(longest + "]").arrayValue?.count == 100_000)
        #expect(throws: JSONError.tooManyElements) { try parse(longest + ",0]") }
        #expect(throws: JSONError.tooManyElements) { try parse("{\"a\":[1,2]}", JSONLimits(elements: 1)) }
    }

    @Test(arguments: [
        (#"{"a":1,"a":1}"#, "a"), (#"{"a":1,"b":2,"\u0061":3}"#, "a"), (#"[{"x":{"":0,"":0}}]"#, ""),
        ("{\"\u{E9}\":1,\"\u{E9}\":2}", "\u{E9}"),
    ])
    func refusesDuplicateNames(text: String, name: String) {
        #expect(throws: JSONError.duplicateName(name)) { try parse(text) }
    }

    @Test(arguments: [2, 16, 17, 18, 1000])
    func refusesADuplicateNameAtTheEnd(count: Int) {
        let text = object(members: count - 1).dropLast() + ",\"m0\":1}"
        #expect(throws: JSONError.duplicateName("m0")) { try parse(String(text)) }
    }

    /// Names that differ in their bytes are different (RFC 8259, section 8.3), also if they are canonically equivalent.
    @Test(arguments: [0, 20])
    func namesAreComparedByBytes(otherMembers: Int) throws {
        let others = (0..<otherMembers).map { ",\"m\($0)\":0" }.joined()
        let value = try parse("{\"\u{E9}\":1,\"e\u{301}\":2,\"K\":3,\"\u{212A}\":4\(others)}")
        #expect(value["\u{E9}"] == 1 && value["e\u{301}"] == 2)
        #expect(value["K"] == 3 && value["\u{212A}"] == 4)
        #expect(value.objectValue?.count == 4 + otherMembers)
        #expect(value["e"] == nil)
    }

    @Test func acceptsEqualNamesInDifferentObjects() throws {
        #expect(try parse(#"{"a":{"a":1},"b":[{"a":2},{"a":3}]}"#)["b"] == [["a": 2], ["a": 3]])
    }

    @Test func refusesDuplicatesAmongLongNames() {
        let long = String(repeating: "n", count: 65)
        for names in [["a", long, "a"], ["a", long, long], [long, "a", "b", "a"]] {
            let text = "{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + "}"
            #expect(throws: JSONError.duplicateName(names[names.count - 1])) { try parse(text) }
        }
    }

    @Test(arguments: ["\u{301}", "\u{316}\u{301}", "\u{F73}", "\u{1D165}"])
    func limitsCombiningMarks(marks: String) throws {
        let count = 64 / marks.unicodeScalars.count
        let longest = "a" + String(repeating: marks, count: count)
        #expect(try parse("\"\(longest)\(longest)\"").stringValue == longest + longest)
        #expect(try parse("\"\(longest)\u{93E}\u{301}\"").stringValue == longest + "\u{93E}\u{301}")
        #expect(throws: JSONError.tooManyMarks) { try parse("[\"x\(longest)\u{301}\"]") }
        #expect(throws: JSONError.tooManyMarks) { try parse("{\"\(longest)\u{301}\":1}") }
    }

    /// Names that must be normalized before they can be compared, which is expensive.
    @Test func comparesNamesWithUnorderedMarksInReasonableTime() throws {
        let run = "a" + String(repeating: "\u{301}\u{316}", count: 32)
        let names = (0..<16).map { String(repeating: run, count: 100) + "\($0)" }
        let text = "{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        #expect(try parse(text).objectValue?.count == 16)
    }

    /// Names that collide in well-known hash functions. That of the standard library has a random seed in each process.
    @Test func parsesCollidingNamesInReasonableTime() throws {
        let names = (0..<10_000).map { number in
            (0..<14).map { number >> $0 & 1 == 0 ? "Aa" : "BB" }.joined()
        }
        let text = "{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        for _ in 0..<20 {
            #expect(try parse(text).objectValue?.count == 10_000)
        }
    }
}
