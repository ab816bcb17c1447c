import HTTP
import Testing

@Suite struct PathTests {
    @Test(
        arguments: [
            ("/", []), ("/login", ["login"]), ("/api/data/result", ["api", "data", "result"]),
            ("/api/data/a%20b", ["api", "data", "a b"]), ("/caf%C3%A9", ["café"]), ("/a;x", ["a;x"]), ("/a+b", ["a+b"]),
            ("/...", ["..."]), ("/.a/a.", [".a", "a."]), ("/%25", ["%"]), ("/a%3Fb", ["a?b"]), ("/%F0%9F%98%80", ["😀"]),
            ("/\u{338}login", ["\u{338}login"]), ("/login/", ["login"]), ("/api/data/a%20b/", ["api", "data", "a b"]),
        ] as [(String, [String])])
    func hasDecodedSegments(text: String, segments: [String]) {
        #expect(Path(parsing: text[...])?.segments == segments)
    }

    /// Paths that servers interpret differently, or with characters that are not allowed.
    @Test(arguments: [
        "", "*", "login", "http://host/login", "//", "///", "//login", "/login//", "/login/%2f", "/api//data", "/.",
        "/..", "/a/../b",
        "/%2e%2e", "/.%2E/etc", "/%2f..", "/a%2Fb", "/a%5Cb", "/a\\b", "/%0a", "/a%0d%0aX", "/%00", "/%7f", "/a\tb",
        "/%ff", "/%c0%af", "/%ed%a0%80", "/%", "/%2", "/%zz", "/%+1",
    ])
    func refusesAmbiguousPaths(text: String) {
        #expect(Path(parsing: text[...]) == nil)
    }

    @Test(arguments: [
        ("/posts/", "/posts"), ("/posts?a=/", "/posts"), ("/posts//", "/posts/"), ("/\u{600}/", "/\u{600}"),
    ])
    func hasOneTextWithoutTheSlashAtTheEnd(target: String, text: String) {
        #expect(Request(method: "GET", target: target).pathWithoutSlash == text)
    }

    @Test(arguments: [
        ("/posts?limit=1", "/posts", "limit=1"), ("/posts", "/posts", ""), ("/posts?", "/posts", ""),
        ("/posts?a=/b?c", "/posts", "a=/b?c"), ("?x", "", "x"), ("/a?\u{301}b", "/a", "\u{301}b"),
        ("/a\u{301}?b", "/a\u{301}", "b"),
    ])
    func isSeparatedFromTheQuery(target: String, path: String, query: String) {
        let request = Request(method: "GET", target: target)
        #expect(request.path == path)
        #expect(request.query == query)
    }
}
