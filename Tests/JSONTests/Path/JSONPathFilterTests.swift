import JSON
import Testing

/// Filter expressions (RFC 9535, section 2.3.5) and functions (section 2.4), beyond the examples there.
@Suite struct JSONPathFilterTests {
    @Test(arguments: [
        // `&&` binds more tightly than `||`, `!` more than both.
        ("@.a || @.b && @.c", #"{"a":1}"#, true), ("(@.a || @.b) && @.c", #"{"a":1}"#, false),
        ("!@.a && @.b", #"{"b":1}"#, true), ("!(@.a && @.b)", #"{"b":1}"#, true), ("!@.a", "{}", true),
        // Existence does not depend on the value.
        ("@.a", #"{"a":null}"#, true), ("@.a", #"{"a":false}"#, true), ("@.*", "[]", false), ("@", "null", true),
        ("@[0:1]", "[1]", true), ("@[?@.a]", #"[{"b":1}]"#, false), ("$.document.a", "1", false),
        ("$.nodes", "1", true),
        // Nothing differs from null, and is equal to itself only.
        ("@.a == null", "{}", false), ("@.a == null", #"{"a":null}"#, true), ("@.a != null", "{}", true),
        ("@.a == @.b", "{}", true), ("@.a <= @.b", "{}", true), ("@.a < @.b", "{}", false), ("@.a >= 1", "{}", false),
        ("@.a == length(@.b)", "{}", true), ("value(@.*) == @.x", #"{"a":1,"b":2}"#, true),
        ("value(@.x) == null", "{}", false), ("length(@.x) == null", "{}", false),
        // Types are never converted.
        ("@ == '1'", "1", false), ("@ == 0", "false", false), ("@ == false", "null", false), ("@ < 2", #""1""#, false),
        ("@ == ''", "null", false), ("@ != '1'", "1", true), ("null <= null", "1", true), ("null < null", "1", false),
        ("true >= true", "1", true), ("false < true", "1", false), ("@ <= @", "[1]", true), ("@ < @", "[1]", false),
        ("@ == @.a", #"{"a":1}"#, false),
    ])
    func evaluates(expression: String, node: String, expected: Bool) throws {
        #expect(try holds(expression, for: node) == expected)
    }

    /// From least to greatest: each pair of different places is compared with all operators, both ways.
    @Test(arguments: [
        [
            "-1e300", "-9223372036854775809.0", "-9223372036854775808", "-9223372036854775807", "-1.5", "-1", "-0.5",
            "0",
            "5e-324", "0.5", "1", "1.0000000000000002", "9007199254740991", "9007199254740992", "9007199254740993",
            "9223372036854775807", "9223372036854775808", "9223372036854777856.0", "18446744073709551615",
            "18446744073709551616.0", "1e300",
        ],
        [#""""#, #""\u0000""#, #""A""#, #""a""#, #""a\u0000""#, #""aa""#, #""b""#, #""é""#, #""\uffff""#, #""😀""#],
    ])
    func numbersAndStringsAreOrdered(values: [String]) throws {
        for (i, left) in values.enumerated() {
            for (j, right) in values.enumerated() where i != 2 || j != 1 {
                let document = #"{"l":\#(left),"r":\#(right)}"#
                let expected = ["==": i == j, "!=": i != j, "<": i < j, "<=": i <= j, ">": i > j, ">=": i >= j]
                // The double nearest to the second is the third.
                if Set([i, j]) == [1, 2], values.count > 20 { continue }
                for (comparison, result) in expected {
                    #expect(
                        try holds("$.document.l \(comparison) $.document.r", in: document) == result,
                        "\(left) \(comparison) \(right)")
                }
            }
        }
    }

    @Test(arguments: [
        ("1", "1.0", true), ("0", "-0.0", true), ("100", "1e2", true),
        ("9223372036854775808", "9223372036854775808.0", true),
        ("9007199254740993", "9007199254740992.0", false), ("18446744073709551615", "18446744073709551616.0", false),
        ("[1,[2]]", "[1.0,[2.0]]", true), ("[1,2]", "[2,1]", false), ("[1]", "[1,1]", false), ("[]", "{}", false),
        (#"{"a":1,"b":[2]}"#, #"{"b":[2.0],"a":1}"#, true), (#"{"a":1}"#, #"{"b":1}"#, false),
        (#"{"a":1}"#, #"{"a":1,"b":1}"#, false), (#"{"a":1,"b":2}"#, #"{"b":1,"a":2}"#, false), ("{}", "{}", true),
        (#"{"a":null}"#, "{}", false), (#""é""#, #""e\u0301""#, false), (#""a""#, #""a""#, true),
        ("null", "null", true),
        (#"{"a":1,"b":2,"c":3}"#, #"{"c":3,"a":1,"b":2}"#, true), (#"{"a":1,"b":2}"#, #"{"b":2,"c":1}"#, false),
    ])
    func valuesAreEqual(left: String, right: String, expected: Bool) throws {
        for (left, right) in [(left, right), (right, left)] {
            let document = #"{"l":\#(left),"r":\#(right)}"#
            #expect(try holds("$.document.l == $.document.r", in: document) == expected)
            #expect(try holds("$.document.l != $.document.r", in: document) == !expected)
            #expect(try holds("$.document.l <= $.document.r", in: document) || !expected)
        }
    }

    @Test(arguments: [
        // Unicode scalars, not bytes, UTF-16 units or graphemes.
        ("length(@) == 2", #""é😀""#, true), ("length(@) == 2", #""e\u0301""#, true), ("length(@) == 0", #""""#, true),
        ("length(@) == 3", "[1,2,3]", true), ("length(@) == 2", #"{"a":1,"b":2}"#, true),
        ("length(@) >= 0", "12", false),
        ("length(@) >= 0", "null", false), ("length('abc') == 3", "1", true), ("length(@.a) == @.x", "{}", true),
        ("count(@.*) == 3", "[1,2,3]", true), ("count(@..*) == 3", "[[1],2]", true), ("count(@.a) == 0", "{}", true),
        ("count(@['a','a']) == 2", #"{"a":1}"#, true), ("count(@) == 1", "1", true),
        ("count($.nodes[*]) == 1", "1", true),
        ("value(@.a) == 1", #"{"a":1}"#, true), ("value(@.*) == 1", "[1,1]", false),
        ("value(@..b) == 1", #"{"a":{"b":1}}"#, true),
        ("match(@, 'a.c')", #""abc""#, true), ("match(@, 'b')", #""abc""#, false), ("search(@, 'b')", #""abc""#, true),
        ("match(@, 'a|ab')", #""ab""#, true), ("match(@, '')", #""""#, true), ("search(@, '')", #""x""#, true),
        ("match(@, 'a')", "1", false), ("search(@, 'a')", "null", false), ("match(@.a, 'a')", "{}", false),
        ("match(@, 1)", #""1""#, false), ("search(@, null)", #""null""#, false), ("match(@, '(')", #""(""#, false),
        ("match(@.t, @.p)", #"{"t":"abc","p":"a.+"}"#, true), ("search(@.t, @.p)", #"{"t":"abc","p":"^b"}"#, false),
        ("match(@.t, @.p)", #"{"t":"a","p":1}"#, false), ("match(@.t, @.p)", #"{"t":"a"}"#, false),
        ("match(@.t, @.p)", #"{"t":"a","p":"*"}"#, false), ("search(@.t, $.document.p)", #"{"t":"xay"}"#, true),
        ("!match(@, 'a')", #""b""#, true), ("length(value(@..a)) == 2", #"{"x":{"a":"ab"}}"#, true),
    ])
    func functions(expression: String, node: String, expected: Bool) throws {
        #expect(try holds(expression, for: node, in: #"{"p":"a"}"#) == expected)
    }
}
