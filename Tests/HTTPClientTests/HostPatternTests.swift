import Testing

@testable import HTTPClient

@Suite struct HostPatternTests {
    @Test(
        arguments: [
            ("example.org", "example.org"), ("API.Example.org:443", "api.example.org"),
            ("example.org:8443", "example.org:8443"), ("*.example.org", "*.example.org"),
            ("localhost:80", "localhost:80"), ("0x7f.1", "127.0.0.1"),
            ("[::1]:8443", "[::1]:8443"), ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ])
    func patternsAreRead(text: String, shown: String) { #expect(HostPattern(parsing: text)?.description == shown) }

    @Test(arguments: [
        "", "*", "*.", "*.org", "*.org.", "*.*.org", "a.*.org",
        "https://example.org", "example.org/", "user@example.org",
        "example.org:", "example.org:0", "example.org:65536", "example.org?a", "example.org#a", "bücher.example",
        "*.127.0.0.1", "a b", "example.org:443:1", "example%2eorg", String(repeating: "a", count: 300),
    ])
    func othersAreRefused(text: String) { #expect(HostPattern(parsing: text) == nil) }

    @Test(
        arguments: [
            ("example.org", "https://example.org/a?b#c", true), ("example.org", "https://EXAMPLE.org:443", true),
            ("example.org", "https://example.org:444/", false), ("example.org", "http://example.org:443/", false),
            ("example.org", "https://a.example.org/", false), ("example.org", "https://example.org./", false),
            ("example.org:444", "https://example.org:444/", true), ("example.org:444", "https://example.org/", false),
            ("*.example.org", "https://a.example.org/", true), ("*.example.org", "https://a.b.example.org/", true),
            ("*.example.org", "https://example.org/", false), ("*.example.org", "https://badexample.org/", false),
            ("*.example.org", "https://a.example.org.evil.org/", false),
            ("example.org", "https://evil.org/?example.org", false),
            ("example.org", "https://example.org.evil.org/", false),
            ("127.0.0.1", "https://2130706433/", true), ("example.org", "https://ex%61mple.org/", true),
        ])
    func urlsArePermittedByTheirHost(pattern: String, url: String, isPermitted: Bool) throws {
        let origin = try #require(URLReference(url)?.origin)
        #expect(try #require(HostPattern(parsing: pattern)).permits(origin) == isPermitted)
    }

    @Test(arguments: ["http://１２７.0.0.1/", "http://ⓛocalhost/", "https://bücher.example/", "http://%C3%BC.example/"])
    func hostsInOtherCharactersAreNoneToSendTo(url: String) {
        #expect(URLReference(url) == nil)
    }

    @Test(
        arguments: [
            ("example.org", "example.org", true), ("example.org", "a.example.org", false),
            ("example.org", "*.example.org", false), ("*.example.org", "a.example.org", true),
            ("*.example.org", "*.example.org", true), ("*.example.org", "*.a.example.org", true),
            ("*.example.org", "example.org", false), ("*.a.example.org", "*.example.org", false),
            ("*.example.org", "a.example.org:444", false), ("example.org:1", "example.org:2", false),
        ])
    func patternsCoverOthers(pattern: String, other: String, covers: Bool) throws {
        let (pattern, other) = (HostPattern(parsing: pattern), HostPattern(parsing: other))
        #expect(try #require(pattern).covers(#require(other)) == covers)
    }
}
