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
    func depth(open: String, inner: String, close: String) throws {
        let own = inner == "{}" ? 1 : 0
        #expect(throws: Never.self) { try parse(nested(open, inner, close, 64 - own)) }
        #expect(throws: JSONError.tooDeep) { try parse(nested(open, inner, close, 65 - own)) }
        #expect(throws: JSONError.tooDeep) { try parse(nested(open, inner, close, 100_000)) }
    }

    @Test(arguments: ["[", "{\"a\":", "[{\"a\":"])
    func hugeDepthNeverClosed(open: String) {
        #expect(throws: JSONError.self) { try parse(String(repeating: open, count: 100_000)) }
    }

    @Test func depthOfWhatIsEmpty() throws {
        #expect(try parse("1", JSONLimits(depth: 0)) == 1)
        #expect(throws: JSONError.tooDeep) { try parse("[]", JSONLimits(depth: 0)) }
        #expect(throws: JSONError.tooDeep) { try parse("[1]", JSONLimits(depth: 0)) }
        #expect(try parse("[{}]", JSONLimits(depth: 2)) == [[:]])
        #expect(throws: JSONError.tooDeep) { try parse("[{}]", JSONLimits(depth: 1)) }
    }

    @Test func limitsChangeFromDocumentToDocument() throws {
        let text = nested("[", "1", "]", 100)
        #expect(throws: JSONError.tooDeep) { try parse(text) }
        #expect(throws: Never.self) { try parse(text, JSONLimits(depth: 100)) }
        #expect(throws: JSONError.tooDeep) { try parse(text) }
    }

    private func object(members count: Int) -> String {
        "{" + (0..<count).map { "\"m\($0)\":0" }.joined(separator: ",") + "}"
    }

    @Test func members() throws {
        #expect(try parse(object(members: 10_000)).objectValue?.count == 10_000)
        #expect(throws: JSONError.tooManyMembers) { try parse(object(members: 10_001)) }
        #expect(throws: JSONError.tooManyMembers) { try parse("[\(object(members: 3))]", JSONLimits(members: 2)) }
        #expect(throws: Never.self) { try parse("[{\"a\":1},{\"b\":2}]", JSONLimits(members: 1)) }
    }

    @Test func elements() throws {
        let most = "[" + String(repeating: "0,", count: 99_999) + "0"
        #expect(try parse(most + "]").arrayValue?.count == 100_000)
        #expect(throws: JSONError.tooManyElements) { try parse(most + ",0]") }
        #expect(throws: JSONError.tooManyElements) { try parse("{\"a\":[1,2]}", JSONLimits(elements: 1)) }
    }

    @Test(arguments: [
        (#"{"a":1,"a":1}"#, "a"), (#"{"a":1,"b":2,"\u0061":3}"#, "a"), (#"[{"x":{"":0,"":0}}]"#, ""),
        ("{\"\u{E9}\":1,\"e\u{301}\":2}", "\u{E9}"),
    ])
    func duplicateNames(text: String, name: String) {
        #expect(throws: JSONError.duplicateName(name)) { try parse(text) }
    }

    @Test(arguments: [2, 16, 17, 18, 1000])
    func duplicateNameAtTheEnd(count: Int) {
        let text = object(members: count - 1).dropLast() + ",\"m0\":1}"
        #expect(throws: JSONError.duplicateName("m0")) { try parse(String(text)) }
    }

    @Test func equalNamesInDifferentObjects() throws {
        #expect(try parse(#"{"a":{"a":1},"b":[{"a":2},{"a":3}]}"#)["b"] == [["a": 2], ["a": 3]])
    }

    @Test func duplicateNameAmongLongOnes() {
        let long = String(repeating: "n", count: 65)
        for names in [["a", long, "a"], ["a", long, long], [long, "a", "b", "a"]] {
            let text = "{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + "}"
            #expect(throws: JSONError.duplicateName(names[names.count - 1])) { try parse(text) }
        }
    }

    @Test(arguments: ["\u{301}", "\u{316}\u{301}", "\u{F73}", "\u{1D165}"])
    func combiningMarks(marks: String) throws {
        let count = 64 / marks.unicodeScalars.count
        let most = "a" + String(repeating: marks, count: count)
        #expect(try parse("\"\(most)\(most)\"").stringValue == most + most)
        #expect(try parse("\"\(most)\u{93E}\u{301}\"").stringValue == most + "\u{93E}\u{301}")
        #expect(throws: JSONError.tooManyMarks) { try parse("[\"x\(most)\u{301}\"]") }
        #expect(throws: JSONError.tooManyMarks) { try parse("{\"\(most)\u{301}\":1}") }
    }

    /// Equal only after both are put in canonical order, which is what makes comparing them dear.
    @Test func marksOutOfOrderCostNoMore() throws {
        let run = "a" + String(repeating: "\u{301}\u{316}", count: 32)
        let names = (0..<16).map { String(repeating: run, count: 100) + "\($0)" }
        let text = "{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        #expect(try parse(text).objectValue?.count == 16)
    }

    /// Names that collide in well-known hash functions: the standard library's is seeded anew in every process.
    @Test func collidingNamesCostNoMore() throws {
        let names = (0..<10_000).map { number in
            (0..<14).map { number >> $0 & 1 == 0 ? "Aa" : "BB" }.joined()
        }
        let text = "{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        for _ in 0..<20 {
            #expect(try parse(text).objectValue?.count == 10_000)
        }
    }
}
