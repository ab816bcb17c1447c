import HTTP
import JSON
import TestSupport
import Testing

@testable import App

/// Origins are compared as RFC 6454 says: case of scheme and host, and the default port, make no difference.
@Suite struct CrossOriginTests {
    private static let allowed = "https://App.example:443, http://localhost:3000,http://[::1]"

    /// The `Access-Control-Allow-Origin` of the answer to a request from this origin.
    private func granted(_ origin: String) throws -> String? {
        let crossOrigin = try #require(CrossOrigin(parsing: Self.allowed))
        var response = Response.noContent
        crossOrigin.complete(&response, to: Request("GET", "/", [("Origin", origin)]))
        #expect(response.headers["Vary"] == "Origin")
        return response.headers["Access-Control-Allow-Origin"]
    }

    @Test func theListHasOneSpelling() {
        #expect(
            CrossOrigin(parsing: Self.allowed)?.origins == [
                "https://app.example", "http://localhost:3000", "http://[::1]",
            ])
    }

    /// The answer repeats the origin as it was sent, because browsers compare the texts.
    @Test(arguments: [
        "https://app.example", "https://app.example:443", "https://APP.example", "HTTPS://app.EXAMPLE:443",
        "http://localhost:3000", "http://LOCALHOST:3000", "http://[::1]", "http://[::1]:80",
    ])
    func otherSpellingsAreAllowed(origin: String) throws {
        #expect(try granted(origin) == origin)
    }

    @Test(arguments: [
        "http://app.example", "https://app.example:80", "https://app.example:4430", "https://app.example:0443",
        "https://app.example:", "https://app.example/", "https://app.example.", "https://app.example:443:443",
        "http://localhost", "http://localhost:03000", "http://[::1]:443", "http://[::1", "https://app.example\u{301}",
        "https://app.ex\u{FF41}mple", "https://a\u{FFFD}pp.example", "null", "", "//app.example", "https:app.example",
    ])
    func otherOriginsAreNotAllowed(origin: String) throws {
        #expect(try granted(origin) == nil)
    }

    /// Whether a page of that origin may log in at this host.
    private func mayLogIn(_ origin: String, host: String, isSecure: Bool) -> Bool {
        let request = Request(
            method: "POST", target: "/login", headers: ["origin": origin, "host": host], isSecure: isSecure)
        return (try? CrossOrigin.none.check(request)) != nil
    }

    @Test(arguments: [
        ("http://localhost", "localhost", false), ("http://localhost", "LOCALHOST:80", false),
        ("http://LOCALHOST:80", "localhost", false), ("https://a.example", "a.example:443", true),
        ("https://a.example:443", "a.example", true), ("http://a.example:8080", "A.example:8080", false),
        ("http://a.example.", "a.example.", false),
    ])
    func ownOriginMayHaveAnotherSpelling(origin: String, host: String, isSecure: Bool) {
        #expect(mayLogIn(origin, host: host, isSecure: isSecure))
    }

    @Test(arguments: [
        ("https://a.example", "a.example", false), ("http://a.example", "a.example", true),
        ("http://a.example:443", "a.example", true), ("https://a.example", "a.example:80", true),
        ("http://a.example", "b.example", false), ("null", "null", false), ("http://", "", false),
        ("http://a.example:80", "a.example:8080", false), ("http://a.example", "a.example@evil.example", false),
    ])
    func anotherOriginMayNotLogIn(origin: String, host: String, isSecure: Bool) {
        #expect(!mayLogIn(origin, host: host, isSecure: isSecure))
    }
}
