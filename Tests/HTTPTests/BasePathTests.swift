import HTTP
import Testing

@Suite struct BasePathTests {
    @Test(arguments: [
        ("", ""), ("/", ""), ("/flow", "/flow"), ("/flow/", "/flow"), ("/a/b-c_d.e~1", "/a/b-c_d.e~1"),
        ("/" + String(repeating: "a", count: 199), "/" + String(repeating: "a", count: 199)),
    ])
    func readsPaths(text: String, base: String) {
        #expect((text.isEmpty ? BasePath.none : BasePath(parsing: text))?.description == base)
    }

    @Test(arguments: [
        "flow", "//flow", "/flow//x", "/flow/..", "/.", "/fl%6Fw", "/flöw", "/a b", "/a\"", "/a;b", "/a$b", "/a{b}",
        "/a?b", "/" + String(repeating: "a", count: 200), "https://example.org/flow",
    ])
    func refusesOtherTexts(text: String) {
        #expect(BasePath(parsing: text) == nil)
    }

    /// Any spelling of the path is recognized, as in the paths of routes.
    @Test(arguments: [
        ("/flow", []), ("/flow/", []), ("/flow/login", ["login"]), ("/fl%6Fw/api/x%20y", ["api", "x y"]),
        ("/flow/flow", ["flow"]),
    ])
    func removesItFromPaths(path: String, rest: [String]) throws {
        let base = try #require(BasePath(parsing: "/flow"))
        #expect(base.relative(try #require(Path(parsing: path[...])))?.segments == rest)
    }

    @Test(arguments: ["/", "/login", "/flows/login", "/Flow/login", "/x/flow"])
    func otherPathsAreOutside(path: String) throws {
        let base = try #require(BasePath(parsing: "/flow"))
        #expect(base.relative(try #require(Path(parsing: path[...]))) == nil)
    }
}
