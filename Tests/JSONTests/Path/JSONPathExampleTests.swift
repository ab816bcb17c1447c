import JSON
import Testing

/// The examples of RFC 9535, by section.
@Suite struct JSONPathExampleTests {
    private static let book1 =
        #"{"category":"reference","author":"Nigel Rees","title":"Sayings of the Century","price":8.95}"#
    private static let book2 =
        #"{"category":"fiction","author":"Evelyn Waugh","title":"Sword of Honour","price":12.99}"#
    private static let book3 =
        #"{"category":"fiction","author":"Herman Melville","title":"Moby Dick","isbn":"0-553-21311-3","price":8.99}"#
    private static let book4 = """
        {"category":"fiction","author":"J. R. R. Tolkien","title":"The Lord of the Rings","isbn":"0-395-19395-8",\
        "price":22.99}
        """
    private static let bicycle = #"{"color":"red","price":399}"#
    private static let books = "[\(book1),\(book2),\(book3),\(book4)]"
    private static let bookstore = #"{"store":{"book":\#(books),"bicycle":\#(bicycle)}}"#

    /// Section 1.5.
    @Test(arguments: [
        ("$.store.book[*].author", #"["Nigel Rees","Evelyn Waugh","Herman Melville","J. R. R. Tolkien"]"#),
        ("$..author", #"["Nigel Rees","Evelyn Waugh","Herman Melville","J. R. R. Tolkien"]"#),
        ("$.store.*", "[\(books),\(bicycle)]"), ("$.store..price", "[8.95,12.99,8.99,22.99,399]"),
        ("$..book[2]", "[\(book3)]"), ("$..book[2].author", #"["Herman Melville"]"#), ("$..book[2].publisher", "[]"),
        ("$..book[-1]", "[\(book4)]"), ("$..book[0,1]", "[\(book1),\(book2)]"), ("$..book[:2]", "[\(book1),\(book2)]"),
        ("$..book[?@.isbn]", "[\(book3),\(book4)]"), ("$..book[?@.price<10]", "[\(book1),\(book3)]"),
        ("$.store.book[0].title", #"["Sayings of the Century"]"#),
        ("$['store']['book'][0]['title']", #"["Sayings of the Century"]"#),
        ("$.store.book[?@.price < 10].title", #"["Sayings of the Century","Moby Dick"]"#),
    ])
    func bookstore(query: String, expected: String) throws {
        #expect(try select(query, in: Self.bookstore) == expected)
    }

    @Test func everythingInTheBookstore() throws {
        let values = try JSON(parsing: Array(select("$..*", in: Self.bookstore).utf8)).arrayValue
        #expect(values?.count == 27)
    }

    private static let names = #"{"o":{"j j":{"k.k":3}},"'":{"@":2}}"#
    private static let wild = #"{"o":{"j":1,"k":2},"a":[5,3]}"#
    private static let letters = #"["a","b","c","d","e","f","g"]"#
    private static let filtered = """
        {"a":[3,5,1,2,4,6,{"b":"j"},{"b":"k"},{"b":{}},{"b":"kilo"}],"o":{"p":1,"q":2,"r":3,"s":5,"t":{"u":6}},"e":"f"}
        """
    private static let nested = #"{"o":{"j":1,"k":2},"a":[5,3,[{"j":4},{"k":6}]]}"#
    private static let nulls = #"{"a":null,"b":[null],"c":[{}],"null":1}"#

    /// Sections 2.2.3, 2.3.1.3, 2.3.2.3, 2.3.3.3 and 2.3.4.3.
    @Test(arguments: [
        ("$", #"{"k":"v"}"#, #"[{"k":"v"}]"#), ("$.o['j j']", names, #"[{"k.k":3}]"#),
        ("$.o['j j']['k.k']", names, "[3]"), (#"$.o["j j"]["k.k"]"#, names, "[3]"), (#"$["'"]["@"]"#, names, "[2]"),
        ("$[*]", wild, #"[{"j":1,"k":2},[5,3]]"#), ("$.o[*]", wild, "[1,2]"), ("$.o[*, *]", wild, "[1,2,1,2]"),
        ("$.a[*]", wild, "[5,3]"), ("$[1]", #"["a","b"]"#, #"["b"]"#), ("$[-2]", #"["a","b"]"#, #"["a"]"#),
        ("$[1:3]", letters, #"["b","c"]"#), ("$[5:]", letters, #"["f","g"]"#), ("$[1:5:2]", letters, #"["b","d"]"#),
        ("$[5:1:-2]", letters, #"["f","d"]"#), ("$[::-1]", letters, #"["g","f","e","d","c","b","a"]"#),
    ])
    func selectors(query: String, document: String, expected: String) throws {
        #expect(try select(query, in: document) == expected)
    }

    /// Section 2.3.5.3, comparisons.
    @Test(arguments: [
        ("$.absent1 == $.absent2", true), ("$.absent1 <= $.absent2", true), ("$.absent == 'g'", false),
        ("$.absent1 != $.absent2", false), ("$.absent != 'g'", true), ("1 <= 2", true), ("1 > 2", false),
        ("13 == '13'", false), ("'a' <= 'b'", true), ("'a' > 'b'", false), ("$.obj == $.arr", false),
        ("$.obj != $.arr", true), ("$.obj == $.obj", true), ("$.obj != $.obj", false), ("$.arr == $.arr", true),
        ("$.arr != $.arr", false), ("$.obj == 17", false), ("$.obj != 17", true), ("$.obj <= $.arr", false),
        ("$.obj < $.arr", false), ("$.obj <= $.obj", true), ("$.arr <= $.arr", true), ("1 <= $.arr", false),
        ("1 >= $.arr", false), ("1 > $.arr", false), ("1 < $.arr", false), ("true <= true", true),
        ("true > true", false),
    ])
    func comparisons(expression: String, expected: Bool) throws {
        let document = #"{"obj":{"x":"y"},"arr":[2,3]}"#
        #expect(try holds(expression.replacing("$.", with: "$.document."), in: document) == expected)
    }

    /// Section 2.3.5.3, queries with filters.
    @Test(arguments: [
        ("$.a[?@.b == 'kilo']", #"[{"b":"kilo"}]"#), ("$.a[?(@.b == 'kilo')]", #"[{"b":"kilo"}]"#),
        ("$.a[?@>3.5]", "[5,4,6]"), ("$.a[?@.b]", #"[{"b":"j"},{"b":"k"},{"b":{}},{"b":"kilo"}]"#),
        (
            "$[?@.*]",
            #"[[3,5,1,2,4,6,{"b":"j"},{"b":"k"},{"b":{}},{"b":"kilo"}],{"p":1,"q":2,"r":3,"s":5,"t":{"u":6}}]"#
        ),
        ("$[?@[?@.b]]", #"[[3,5,1,2,4,6,{"b":"j"},{"b":"k"},{"b":{}},{"b":"kilo"}]]"#),
        ("$.o[?@<3, ?@<3]", "[1,2,1,2]"), (#"$.a[?@<2 || @.b == "k"]"#, #"[1,{"b":"k"}]"#),
        (#"$.a[?match(@.b, "[jk]")]"#, #"[{"b":"j"},{"b":"k"}]"#),
        (#"$.a[?search(@.b, "[jk]")]"#, #"[{"b":"j"},{"b":"k"},{"b":"kilo"}]"#), ("$.o[?@>1 && @<4]", "[2,3]"),
        ("$.o[?@.u || @.x]", #"[{"u":6}]"#), ("$.a[?@.b == $.x]", "[3,5,1,2,4,6]"),
        ("$.a[?@ == @]", #"[3,5,1,2,4,6,{"b":"j"},{"b":"k"},{"b":{}},{"b":"kilo"}]"#),
    ])
    func filters(query: String, expected: String) throws {
        #expect(try select(query, in: Self.filtered) == expected)
    }

    /// Sections 2.5.1.3, 2.5.2.3 and 2.6.1.
    @Test(arguments: [
        ("$[0, 3]", letters, #"["a","d"]"#), ("$[0:2, 5]", letters, #"["a","b","f"]"#),
        ("$[0, 0]", letters, #"["a","a"]"#), ("$..j", nested, "[1,4]"), ("$..[0]", nested, #"[5,{"j":4}]"#),
        ("$..[*]", nested, #"[{"j":1,"k":2},[5,3,[{"j":4},{"k":6}]],1,2,5,3,[{"j":4},{"k":6}],{"j":4},{"k":6},4,6]"#),
        ("$..*", nested, #"[{"j":1,"k":2},[5,3,[{"j":4},{"k":6}]],1,2,5,3,[{"j":4},{"k":6}],{"j":4},{"k":6},4,6]"#),
        ("$..o", nested, #"[{"j":1,"k":2}]"#), ("$.o..[*, *]", nested, "[1,2,1,2]"),
        ("$.a..[0, 1]", nested, #"[5,3,{"j":4},{"k":6}]"#), ("$.a", nulls, "[null]"), ("$.a[0]", nulls, "[]"),
        ("$.a.d", nulls, "[]"), ("$.b[0]", nulls, "[null]"), ("$.b[*]", nulls, "[null]"), ("$.b[?@]", nulls, "[null]"),
        ("$.b[?@==null]", nulls, "[null]"), ("$.c[?@.d==null]", nulls, "[]"), ("$.null", nulls, "[1]"),
    ])
    func segments(query: String, document: String, expected: String) throws {
        #expect(try select(query, in: document) == expected)
    }

    /// Section 2.4.9, and what follows from section 2.4.3 for the other functions.
    @Test(arguments: [
        ("$[?length(@) < 3]", true), ("$[?length(@.*) < 3]", false), ("$[?count(@.*) == 1]", true),
        ("$[?count(1) == 1]", false), ("$[?count(foo(@.*)) == 1]", false),
        ("$[?match(@.timezone, 'Europe/.*')]", true), ("$[?match(@.timezone, 'Europe/.*') == true]", false),
        (#"$[?value(@..color) == "red"]"#, true), ("$[?value(@..color)]", false), ("$[?bar(@.a)]", false),
        ("$[?length(@)]", false), ("$[?count(@)]", false), ("$[?search(@.a, 'x') == false]", false),
        ("$[?length(search(@.a, 'x')) == 1]", false), ("$[?length(value(@..a)) == 1]", true),
        ("$[?length(count(@.*)) == 1]", true), ("$[?length(length('a')) == 1]", true),
        ("$[?count(count(@)) == 1]", false), ("$[?value('a') == 1]", false), ("$[?match(@..a, 'x')]", false),
        ("$[?match(@.a, $..x)]", false), ("$[?match(value(@..a), value($..x))]", true), ("$[?match('a', 1)]", true),
    ])
    func typesOfFunctions(query: String, isValid: Bool) throws {
        #expect((syntaxError(query) == nil) == isValid)
    }

    /// Section 2.7.1.
    @Test(arguments: [
        ("$.a", #"{"a":1}"#, "$['a']"), ("$[1]", "[0,1]", "$[1]"), ("$[-3]", "[0,1,2,3,4]", "$[2]"),
        ("$.a.b[1:2]", #"{"a":{"b":[0,1]}}"#, "$['a']['b'][1]"),
        (##"$["\u000B"]"##, ##"{"\u000b":1}"##, ##"$['\u000b']"##), (##"$["\u0061"]"##, #"{"a":1}"#, "$['a']"),
    ])
    func normalizedPaths(query: String, document: String, expected: String) throws {
        #expect(try paths(query, in: document) == [expected])
    }
}
