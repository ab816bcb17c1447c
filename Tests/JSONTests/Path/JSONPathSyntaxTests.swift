import JSON
import Testing

/// The grammar of RFC 9535, appendix A, rule by rule.
@Suite struct JSONPathSyntaxTests {
    @Test(arguments: [
        // Blanks: between segments, inside brackets, around operators and commas, but not after dots.
        "$ .a", "$ ['a']", "$\t.a\n.b\r[0]", "$[ 'a' , 'b' ]", "$[ 1 : 2 : 3 ]", "$[? @.a ]", "$[?@.a==1&&@.b]",
        "$[? @.a == 1 && ( @.b || ! @.c ) ]", "$[?length( @.a )==1]", "$[?match( @.a , 'x' )]", "$[?@ .a == $ ['b']]",
        // Shorthand names.
        "$._", "$.a1", "$.é", "$.☺", "$.😀x", "$..a", "$..é1", "$.true", "$.null", "$.length", "$.*", "$..*", "$..[*]",
        // Strings.
        "$['']", "$[\"\"]", #"$["'"]"#, #"$['"']"#, #"$['\'']"#, #"$["\""]"#, #"$['\b\f\n\r\t\/\\']"#, "$['\u{7f}é😀']",
        #"$['\u0041\ud83d\uDE00\uD7ff\uE000']"#,
        // Integers.
        "$[0]", "$[-1]", "$[9007199254740991]", "$[-9007199254740991]", "$[:]", "$[::]", "$[1:]", "$[:1]", "$[::1]",
        "$[1:2:0]", "$[-3:-1:-1]", "$[0:9007199254740991:-9007199254740991]",
        // Selectors in one segment.
        "$[0,'a',*,1:2,?@]", "$[*,*]", "$..[0,1]",
        // Literals and comparisons.
        "$[?@==0]", "$[?@==-0]", "$[?@==-1.5e+10]", "$[?@==1E2]", "$[?@==0.5e-2]", "$[?@!=true]", "$[?false<null]",
        "$[?'a'>=\"b\"]", "$[?1==2]", "$[?@<=@]", "$[?$.a==@.b]", "$[?@['a'][0]==1]", "$[?@[-1]==1]",
        // Existence, negation, precedence.
        "$[?@]", "$[?$]", "$[?@.*]", "$[?@..a]", "$[?!@.a]", "$[?!$.a]", "$[?!(@.a==1)]", "$[?(((@.a)))]",
        "$[?!(!@.a)]",
        "$[?@.a||@.b&&@.c]", "$[?!match(@.a,'x')]", "$[?@[?@[?@.a]]]", "$[?(@.a)&&(@.b)]", "$[?@.a,?@.b]",
    ])
    func accepts(query: String) throws {
        #expect(syntaxError(query) == nil)
        #expect(try JSONPath(parsing: query).text == query)
    }

    /// Each with the column and the beginning of the reason.
    @Test(arguments: [
        ("", 1, "a query begins with '$'"), ("a", 1, "a query begins with"), ("@.a", 1, "a query begins with"),
        (" $", 1, "a query begins with"), ("$ ", 2, "expected '.', '[' or the end"), ("$.a ", 4, "expected '.', '['"),
        ("$a", 2, "expected '.', '['"), ("$$", 2, "expected '.', '['"), ("$.", 3, "expected a name or '*'"),
        ("$. a", 3, "expected a name or '*'"), ("$.1", 3, "expected a name or '*'"), ("$.a-b", 4, "expected '.', '['"),
        ("$.'a'", 3, "expected a name or '*'"), ("$.[0]", 3, "expected a name or '*'"),
        ("$..", 4, "expected a name, '*'"),
        ("$...a", 4, "expected a name, '*'"), ("$.. a", 4, "expected a name, '*'"),
        ("$.a.", 5, "expected a name or '*'"),
        ("$[", 3, "expected a name in quotation marks"), ("$[]", 3, "expected a name in quotation marks"),
        ("$[a]", 3, "expected a name in quotation marks"), ("$[0", 4, "expected ',' or ']'"),
        ("$[0,]", 5, "expected a name in quotation marks"), ("$[,0]", 3, "expected a name in quotation marks"),
        ("$[0 1]", 5, "expected ',' or ']'"), ("$['a'", 6, "expected ',' or ']'"), ("$[0]]", 5, "expected '.', '['"),
        ("$[(@.length-1)]", 3, "expected a name in quotation marks"), ("$[-1:2:3:4]", 9, "expected ',' or ']'"),
        ("$[01]", 3, "an integer has no leading zeros"), ("$[-0]", 3, "an integer has no leading zeros"),
        ("$[-01]", 3, "an integer has no leading zeros"), ("$[-]", 4, "expected a digit"),
        ("$[1.0]", 4, "expected ',' or"),
        ("$[- 1]", 4, "expected a digit"), ("$[+1]", 3, "expected a name in quotation marks"),
        ("$[1e2]", 4, "expected ','"),
        ("$[9007199254740992]", 3, "an integer is at most"), ("$[-9007199254740992]", 3, "an integer is at most"),
        ("$[99999999999999999999]", 3, "an integer is at most"), ("$[1:9007199254740992]", 5, "an integer is at most"),
        ("$[::00]", 5, "an integer has no leading zeros"), ("$[1:-0]", 5, "an integer has no leading zeros"),
        ("$['a]", 3, "the string that begins here"), ("$['a\"]", 3, "the string that begins here"),
        ("$['", 3, "the string that begins here"), ("$['\\", 4, "no such escape"), ("$['\\x']", 4, "no such escape"),
        (#"$['\"']"#, 4, "no such escape"), (#"$["\'"]"#, 4, "no such escape"), ("$['a\nb']", 5, "control characters"),
        ("$['a\0b']", 5, "control characters"), (#"$['\u12']"#, 4, "expected four hexadecimal"),
        (#"$['\u12g4']"#, 4, "expected four hexadecimal"), (#"$['\ud800']"#, 4, "expected four hexadecimal"),
        (#"$['\udc00']"#, 4, "expected four hexadecimal"), (#"$['\ud800\u0041']"#, 4, "expected four hexadecimal"),
        (#"$['\U0041']"#, 4, "no such escape"), ("$['é😀' x]", 8, "expected ',' or ']'"),
        ("$[?]", 4, "expected a query, a literal"), ("$[?@.a", 7, "expected ',' or ']'"),
        ("$[?(@.a]", 8, "expected an op"),
        ("$[?()]", 5, "expected a query, a literal"), ("$[?1]", 4, "a literal must be compared"),
        ("$[?'a']", 4, "a literal must be compared"), ("$[?true]", 4, "a literal must be compared"),
        ("$[?!true]", 5, "a literal must be compared"), ("$[?@.a||1]", 9, "a literal must be compared"),
        ("$[?@.a=1]", 7, "expected ',' or ']'"), ("$[?@.a===1]", 9, "expected a query, a literal"),
        ("$[?@.a==]", 9, "expected a query, a literal"), ("$[?==1]", 4, "expected a query, a literal"),
        ("$[?@.a<>1]", 8, "expected a query, a literal"), ("$[?@.a==1==2]", 10, "expected ',' or ']'"),
        ("$[?(@.a)==1]", 9, "expected ',' or ']'"), ("$[?@.a&@.b]", 7, "expected ',' or ']'"),
        ("$[?@.a and @.b]", 8, "expected ',' or ']'"), ("$[?@.a&&]", 9, "expected a query, a literal"),
        ("$[?!!@.a]", 5, "only one '!'"), ("$[?!@.a==1]", 5, "a negated comparison"),
        ("$[?! (@.a]", 10, "expected an op"),
        ("$[?@.*==1]", 4, "a comparison takes a query that selects one node"),
        ("$[?1==@..a]", 7, "a comparison takes a query that selects one node"),
        ("$[?@[0,1]==1]", 4, "a comparison takes a query"), ("$[?@[0:1]==1]", 4, "a comparison takes a query"),
        ("$[?@[?@.a]==1]", 4, "a comparison takes a query"), ("$[?@==[1]]", 7, "expected a query, a literal"),
        ("$[?@=={}]", 7, "expected a query, a literal"), ("$[?@==True]", 7, "expected a query, a literal"),
        ("$[?@==nul]", 7, "expected a query, a literal"), ("$[?@==01]", 7, "not a number"),
        ("$[?@==1.]", 7, "not a num"),
        ("$[?@==.5]", 7, "expected a query, a literal"), ("$[?@==1e]", 7, "not a number"),
        ("$[?@==-]", 7, "not a number"),
        ("$[?@==--1]", 7, "not a number"), ("$[?@==1e999]", 7, "the number is out of range"),
        ("$[?@==+1]", 7, "expected a query, a literal"), ("$[?.a]", 4, "expected a query, a literal"),
    ])
    func refuses(query: String, column: Int, reason: String) throws {
        let error = try #require(syntaxError(query))
        #expect(error.position == TextPosition(line: 1, column: column), "\(error)")
        #expect(error.reason.hasPrefix(reason), "\(error)")
    }

    /// Types and numbers of arguments (sections 2.4.1 to 2.4.3).
    @Test(arguments: [
        ("$[?length(@.a)]", 4, "the result of length() must be compared with something"),
        ("$[?!count(@.*)]", 5, "the result of count() must be compared with something"),
        ("$[?match(@.a,'x')==true]", 4, "a comparison does not take the result of match()"),
        ("$[?1==search(@.a,'x')]", 7, "a comparison does not take the result of search()"),
        ("$[?length(@.*)==1]", 11, "length() takes a query that selects one node: names and single indices only"),
        ("$[?count('a')==1]", 10, "count() takes a query"), ("$[?value(1)==1]", 10, "value() takes a query"),
        ("$[?length()==1]", 11, "length() takes 1 argument"), ("$[?length(@,@)==1]", 13, "length() takes 1 argument"),
        ("$[?match(@.a)]", 13, "match() takes 2 arguments"), ("$[?match(@,'a',1)]", 16, "match() takes 2 arguments"),
        ("$[?count(@.a||@.b)==1]", 13, "expected ',' or ')'"),
        ("$[?count(!@.a)==1]", 10, "expected a query, a literal"),
        ("$[?length(@.a==1)==1]", 14, "expected ',' or ')'"), ("$[?length (@)==1]", 4, "expected a query, a literal"),
        ("$[?lenght(@)==1]", 4, "there is no function lenght(); did you mean length()?"),
        ("$[?zzz(@)]", 4, "there is no function zzz()"), ("$[?Count(@)==1]", 4, "expected a query, a literal"),
        ("$[?length(@.a]", 14, "expected ',' or ')'"), ("$[?count(@.*,)==1]", 14, "count() takes 1 argument"),
    ])
    func refusesIllTypedFunctions(query: String, column: Int, reason: String) throws {
        let error = try #require(syntaxError(query))
        #expect(error.position == TextPosition(line: 1, column: column), "\(error)")
        #expect(error.reason.hasPrefix(reason), "\(error)")
    }

    @Test func namesLineAndColumn() throws {
        let error = try #require(syntaxError("$.a[\n  'é',\n  x]"))
        #expect(
            error.description == "line 3, column 3: expected a name in quotation marks, an index, a slice, '*' or '?'")
        #expect(error.offset == 15)
    }

    /// Every part of a valid query that is cut off at its end is a query or is refused at its end or before.
    @Test func refusesBeginningsAtTheirEnd() {
        let query = #"$.a['b',"c\u0041"][?@.d==-1.5e3&&!(match(@.e,'[a-z]+')||length($.f[0])<=3)]..[1:-2:3,*]"#
        #expect(syntaxError(query) == nil)
        for length in 0..<query.utf8.count {
            let beginning = String(decoding: query.utf8.prefix(length), as: UTF8.self)
            if let error = syntaxError(beginning) { #expect(error.offset <= length) }
        }
    }

    @Test(arguments: [
        ("(", ")"), ("!(", ")"), ("@[?", "]"), ("length(", ")==1"),
    ])
    func nestingIsLimited(opening: String, closing: String) throws {
        let nested = { (depth: Int) in
            // The innermost call has a value as its argument, the others the result of a call.
            let closings =
                opening == "length("
                ? String(repeating: ")", count: depth) + "==1" : String(repeating: closing, count: depth)
            return "$[?" + String(repeating: opening, count: depth) + "@" + closings + "]"
        }
        // The filter itself is one level, and `!(` is two.
        let most = opening == "!(" ? (JSONPath.maximumNesting - 1) / 2 : JSONPath.maximumNesting - 1
        #expect(syntaxError(nested(most)) == nil)
        #expect(try #require(syntaxError(nested(most + 1))).reason.hasPrefix("more than 32 filters"))
        #expect(syntaxError(nested(3_000)) != nil)
    }

    @Test func lengthIsLimited() throws {
        let longest = "$." + String(repeating: "a", count: JSONPath.maximumLength - 2)
        #expect(syntaxError(longest) == nil)
        #expect(try #require(syntaxError(longest + "a")).reason == "the query is longer than 10000 bytes")
        let marks = "$['" + String(repeating: "\u{301}", count: 65) + "']"
        #expect(try #require(syntaxError(marks)).reason == "too many combining marks in a row")
    }
}
