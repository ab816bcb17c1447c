import JSON
import Testing

/// Queries inside longer texts, and what is known of a query before it is evaluated.
@Suite struct JSONPathPrefixTests {
    @Test(arguments: [
        ("{{ $.input.a }}", 3, "$.input.a"), ("{{$}}", 2, "$"), ("{{ $['a }}'] }} {{ $.b }}", 3, "$['a }}']"),
        ("x é $.é\u{301} y", 5, "$.é\u{301}"), ("$.a [0] .b c", 0, "$.a [0] .b"),
        ("$[?@.a == 1 ]}", 0, "$[?@.a == 1 ]"),
        ("$.a", 0, "$.a"), ("$.a+$.b", 4, "$.b"),
    ])
    func endsBeforeWhatCannotContinueIt(text: String, start: Int, query: String) throws {
        var end = 0
        let path = try JSONPath(in: Array(text.utf8), from: start, end: &end)
        #expect(path.text == query)
        #expect(end == start + query.utf8.count)
    }

    @Test func errorsHaveThePositionInTheText() throws {
        var end = 0
        let error = try #require(throws: JSONPathSyntaxError.self) {
            _ = try JSONPath(in: Array("é\n {{ $.a. }}".utf8), from: 7, end: &end)
        }
        #expect(error.description == "line 2, column 9: expected a name or '*' after '.'")
        #expect(error.offset == 11)
    }

    @Test(arguments: [
        ("$", true), ("$.a", true), ("$['a'][0][-1]", true), ("$.a['b'] .c", true), ("$..a", false), ("$.*", false),
        ("$['a','b']", false), ("$[0:1]", false), ("$[?@.a]", false), ("$.a.b[*].c", false),
    ])
    func singularQueriesAreKnown(query: String, isSingular: Bool) throws {
        #expect(try JSONPath(parsing: query).isSingular == isSingular)
    }

    @Test(arguments: [
        ("$", [[]]), ("$.tasks.a.output[0].x", [["tasks", "a", "output"]]), ("$['tasks']['a b']", [["tasks", "a b"]]),
        ("$.a..b", [["a"]]), ("$.a['b','c']", [["a"]]), ("$.*.a", [[]]),
        ("$.a[?@.b == $.c.d && (length($.e[0]) > 1 || !$.f.*)]", [["a"], ["c", "d"], ["e"], ["f"]]),
        ("$[?match(@.a, $.b.c) || count($.d[?$.e]) == value($..g)]", [[], ["b", "c"], ["d"], ["e"], []]),
    ])
    func namesThatTheQueryBeginsWith(query: String, names: [[String]]) throws {
        let path = try JSONPath(parsing: query)
        #expect(path.leadingNames == names[0])
        #expect(path.allLeadingNames == names)
    }
}
