import HTTP
import Testing

@Suite struct MediaTypeTests {
    /// The name and the parameters as text; nil if the text is not a media type.
    private func parsed(_ text: String) -> String? {
        MediaType(parsing: text).map { type in
            ([type.name] + type.parameters.map { "\($0.name)=\($0.value)" }).joined(separator: "|")
        }
    }

    @Test(arguments: [
        ("application/json", "application/json"), ("Application/JSON", "application/json"),
        ("application/json;charset=utf-8", "application/json|charset=utf-8"),
        ("application/json \t;\t Charset=UTF-8", "application/json|charset=UTF-8"),
        (#"a/b; x="y; z=\"q\\, ü"; w=1"#, #"a/b|x=y; z="q\, ü|w=1"#), (#"a/b;x="""#, "a/b|x="),
        ("application/json;", "application/json"), ("a/b; ;x=1;;", "a/b|x=1"), (" a/b ", "a/b"),
        ("application/vnd.api+json", "application/vnd.api+json"), ("x!#$%&'*+-.^_`|~/1", "x!#$%&'*+-.^_`|~/1"),
    ])
    func hasNameAndParameters(text: String, expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(arguments: [
        "", " ", "json", "application/", "/json", "applic ation/json", "application /json", "application/ json",
        "application/json charset=utf-8", "application/json, text/plain", "application/json;charset",
        "application/json;charset=", "application/json;charset =utf-8", "application/json;charset= utf-8",
        "application/json;=utf-8", #"application/json;charset="utf-8"#, #"application/json;charset="utf-8\"#,
        #"application/json;charset="utf-8"x"#, "application/json;a=b c=d", "application/json/x", "application/jsön",
        "application\\json", "(a)/b", "a/b;c=d@e",
    ])
    func refusesOtherText(text: String) {
        #expect(parsed(text) == nil)
    }

    @Test(arguments: [
        ("a/b", true), ("a/b;charset=UTF-8", true), (#"a/b;charset="utf-8""#, true), ("a/b;charset=utf8", false),
        ("a/b;charset=latin1", false), ("a/b;charset=utf-8;charset=latin1", false), ("a/b;x-charset=latin1", true),
    ])
    func namesItsCharset(text: String, isUTF8: Bool) {
        #expect(MediaType(parsing: text)?.isUTF8 == isUTF8)
    }
}
