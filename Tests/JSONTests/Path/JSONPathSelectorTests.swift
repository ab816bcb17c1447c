import JSON
import Testing

/// What selectors and segments select (RFC 9535, sections 2.3 and 2.5), beyond the examples there.
@Suite struct JSONPathSelectorTests {
    /// Names are compared by their scalars, without normalization; a selector of the wrong kind selects nothing.
    @Test(arguments: [
        ("$.é", #"{"e\u0301":1,"é":2}"#, "[2]"), (#"$["e\u0301"]"#, #"{"e\u0301":1,"é":2}"#, "[1]"),
        (#"$['\ud83d\ude00']"#, #"{"😀":1}"#, "[1]"), ("$['']", #"{"":1}"#, "[1]"),
        (#"$['\u0000']"#, #"{"\u0000":1}"#, "[1]"),
        ("$.a", "[1]", "[]"), ("$['0']", "[1]", "[]"), ("$[0]", #"{"0":1}"#, "[]"), ("$[0:1]", #"{"0":1}"#, "[]"),
        ("$.a", #""a""#, "[]"), ("$[0]", #""a""#, "[]"), ("$.*", #""a""#, "[]"), ("$[?@]", "1", "[]"),
        ("$", "1", "[1]"),
        ("$..a", "1", "[]"), ("$[2]", "[0,1]", "[]"), ("$[-3]", "[0,1]", "[]"), ("$[-9007199254740991]", "[0,1]", "[]"),
        ("$.length", "[0,1]", "[]"), ("$.*", "[]", "[]"), ("$.*", "{}", "[]"),
        ("$['a','b','a']", #"{"b":2,"a":1}"#, "[1,2,1]"), ("$[0,-1,0:2,*]", "[5,6,7]", "[5,7,5,6,5,6,7]"),
        ("$..[0,1]", "[[1,2],3]", "[[1,2],3,1,2]"), ("$..['a','b']", #"{"b":{"a":1},"a":2}"#, #"[2,{"a":1},1]"#),
        ("$..a..b", #"{"a":{"a":{"b":1}}}"#, "[1,1]"), ("$[?@.a].a", #"[{"a":1},{},{"a":null}]"#, "[1,null]"),
        ("$.a[?@ > 1, 0]", #"{"a":[1,2,3]}"#, "[2,3,1]"), ("$[?@.a]", #"{"x":{"a":1},"y":{}}"#, #"[{"a":1}]"#),
    ])
    func selects(query: String, document: String, expected: String) throws {
        #expect(try select(query, in: document) == expected)
    }

    @Test(arguments: [
        ("$.*", #"{"b":1,"a":2}"#, ["$['b']", "$['a']"]),
        ("$..*", "[[1],[2]]", ["$[0]", "$[1]", "$[0][0]", "$[1][0]"]),
        ("$[-1,0]", "[1,2]", ["$[1]", "$[0]"]), ("$[::-1]", "[1,2]", ["$[1]", "$[0]"]), ("$", "1", ["$"]),
        ("$[?@>1]", #"{"a":1,"b":2}"#, ["$['b']"]), ("$..[?@>1]", "[[2],1,3]", ["$[2]", "$[0][0]"]),
        (
            #"$["'\\\u0000\b\f\n\r\t\u001f\"é"]"#, #"{"'\\\u0000\b\f\n\r\t\u001f\"é":1}"#,
            [
                #"$['\'\\\u0000\b\f\n\r\t\u001f"é']"#
            ]
        ),
    ])
    func locates(query: String, document: String, expected: [String]) throws {
        #expect(try paths(query, in: document) == expected)
    }

    /// All bounds and steps, compared with the loop of section 2.3.4.2.2.
    @Test func slicesFollowTheLoopOfTheRFC() throws {
        let bounds: [Int?] = [nil] + Array(-7...7)
        for count in [0, 1, 5] {
            let root = JSON.array((0..<count).map { .integer(Int64($0)) })
            for start in bounds {
                for end in bounds {
                    for step in [nil, -6, -3, -2, -1, 0, 1, 2, 3, 6] as [Int?] {
                        let text = [start, end, step].map { $0.map(String.init) ?? "" }.joined(separator: ":")
                        var budget = JSONPathBudget()
                        let values = try JSONPath(parsing: "$[\(text)]").values(in: root, budget: &budget)
                        let expected = Self.slice(count, start, end, step ?? 1)
                        #expect(values == expected.map { .integer(Int64($0)) }, "[\(text)] of \(count)")
                    }
                }
            }
        }
    }

    private static func slice(_ count: Int, _ start: Int?, _ end: Int?, _ step: Int) -> [Int] {
        let normalize = { (index: Int) in index >= 0 ? index : count + index }
        var indices: [Int] = []
        if step > 0 {
            var index = min(max(normalize(start ?? 0), 0), count)
            let upper = min(max(normalize(end ?? count), 0), count)
            while index < upper {
                indices.append(index)
                index += step
            }
        } else if step < 0 {
            var index = min(max(normalize(start ?? count - 1), -1), count - 1)
            let lower = min(max(normalize(end ?? -count - 1), -1), count - 1)
            while lower < index {
                indices.append(index)
                index += step
            }
        }
        return indices
    }
}
