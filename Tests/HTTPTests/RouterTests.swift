import HTTP
import Testing

@Suite struct RouterTests {
    private let endpoints = [
        endpoint(.get, "/"), endpoint(.post, "/login"), endpoint(.get, "/posts"), endpoint(.post, "/posts"),
        endpoint(.get, "/posts/{id}"), endpoint(.delete, "/posts/{id}"), endpoint(.get, "/posts/newest"),
        endpoint(.get, "/posts/{id}/notes/{note}"), endpoint(.post, "/posts/newest/seen"),
    ]

    private static func endpoint(_ method: Method, _ path: String) -> Endpoint<Void> {
        Endpoint(
            method, path, operation: path, tag: Tag("Test", ""), access: .everyone, summary: path, answers: []
        ) { _ in .noContent }
    }

    /// The match as text.
    private func match(_ method: String, _ path: String) throws -> String {
        switch Router(endpoints).match(method: method, path: try #require(Path(parsing: path[...]))) {
        case .endpoint(let position, let parameters):
            ([endpoints[position].method.rawValue, endpoints[position].path] + parameters).joined(separator: " ")
        case .otherMethods(let allow): "allow \(allow)"
        case .none: "none"
        }
    }

    @Test(arguments: [
        ("GET", "/", "GET /"), ("POST", "/login", "POST /login"), ("GET", "/posts/7", "GET /posts/{id} 7"),
        ("DELETE", "/posts/a%20b", "DELETE /posts/{id} a b"),
        ("GET", "/posts/7/notes/8", "GET /posts/{id}/notes/{note} 7 8"),
        ("GET", "/posts/{id}", "GET /posts/{id} {id}"),
    ])
    func findsTheEndpoint(method: String, path: String, expected: String) throws {
        #expect(try match(method, path) == expected)
    }

    @Test func prefersLiteralsToParameters() throws {
        #expect(try match("GET", "/posts/newest") == "GET /posts/newest")
    }

    @Test(arguments: [("/posts", "GET /posts"), ("/posts/7", "GET /posts/{id} 7")])
    func headMatchesTheEndpointOfGet(path: String, expected: String) throws {
        #expect(try match("HEAD", path) == expected)
    }

    @Test(arguments: [
        ("PUT", "/posts", "allow GET, HEAD, POST, OPTIONS"), ("HEAD", "/login", "allow POST, OPTIONS"),
        ("OPTIONS", "/posts/7", "allow GET, HEAD, DELETE, OPTIONS"), ("TRACE", "/", "allow GET, HEAD, OPTIONS"),
        ("FOO_BAR", "/login", "allow POST, OPTIONS"), ("get", "/", "allow GET, HEAD, OPTIONS"),
        ("", "/", "allow GET, HEAD, OPTIONS"),
    ])
    func listsTheAllowedMethods(method: String, path: String, expected: String) throws {
        #expect(try match(method, path) == expected)
    }

    @Test(arguments: ["/nothing", "/Posts", "/posts/7/notes", "/posts/7/notes/8/9", "/login/7"])
    func otherPathsAreNotFound(path: String) throws {
        #expect(try match("GET", path) == "none")
    }

    @Test func anEmptyRouterMatchesNothing() throws {
        let path = try #require(Path(parsing: "/"[...]))
        guard case .none = Router([Endpoint<Void>]()).match(method: "GET", path: path) else {
            Issue.record("found an endpoint in an empty router")
            return
        }
    }
}
