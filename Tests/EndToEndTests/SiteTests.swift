import Crypto
import Glibc
import HTTP
import System
import TestSupport
import Testing

/// The HTML pages of the program.
@Suite struct SiteTests {
    let stack: Stack

    init() throws { stack = try Stack.shared.get() }

    /// Requests the landing page with this `Host`.
    private func page(host: String) throws -> HTTPAnswer {
        try stack.client.exchange(Array("GET / HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n".utf8))
    }

    @Test func landingPageLinksToTheOtherPages() throws {
        let page = try stack.get("/")
        #expect(page.status == 200)
        #expect(page.headers["content-type"] == "text/html; charset=utf-8")
        for path in ["/docs", "/openapi.json", "/postman.json", "/health", "/ready", "/api/task-types"] {
            #expect(page.text.contains("<a href=\"\(path)\">"), "\(path)")
        }
        #expect(!page.text.contains("<script") && !page.text.contains("src="))
    }

    @Test func policyAllowsOnlyTheInlineStyleSheet() throws {
        for path in ["/", "/docs"] {
            let page = try stack.get(path)
            let style = try #require(page.text.firstMatch(of: #/<style>([^<]*)<\/style>/#)).1
            let policy = try #require(page.headers["content-security-policy"])
            let source = try #require(policy.firstMatch(of: #/style-src 'sha256-([A-Za-z0-9+\/]{43}=)';/#)).1
            // Computed with openssl from the text between the tags, like in a browser.
            let digest = try Stack.command(
                ["-c", "openssl dgst -sha256 -binary | openssl base64"], of: "/bin/bash",
                environment: Environment.current, input: String(style))
            #expect(digest.output == source + "\n", "\(path)")
            #expect(policy.contains("default-src 'none'") && !policy.contains("script-src"))
            #expect(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"))
        }
    }

    @Test(arguments: [
        "127.0.0.1:8080", "flow.example.org", "Flow-1.Example.org:443", "flow_manager:8080", "[::1]:8080", "[fe80::1]",
    ])
    func commandsNameTheRequestedHost(host: String) throws {
        #expect(try page(host: host).text.contains("curl -s http://\(host)/login "))
    }

    @Test(arguments: [
        "<script>alert(1)</script>", "a\"b", "a'b", "a'$(id)'", "a;id", "a|id", "a&b", "`id`", "a:0", "a:65536",
        "a:+80", "a:080", "a:80:80", "a:", "-a", ".", "a..b", "[::1", "[a]", "[<::]", "user@host", "a%20b", "é.example",
        String(repeating: "a", count: 256),
    ])
    func unsafeHostIsReplaced(host: String) throws {
        let page = try page(host: host)
        // nginx itself refuses some hosts.
        guard page.status == 200 else { return expectProblem(page, 400) }
        #expect(page.text.contains("curl -s http://127.0.0.1:8080/login "))
        #expect(host.utf8.count < 3 || !page.text.contains(host))
    }

    @Test func commandsWorkWhenPasted() throws {
        let page = try page(host: "127.0.0.1:\(stack.client.port)")
        let blocks = page.text.matches(of: #/<pre>([^<]*)<\/pre>/#).map { String($0.1) }
        #expect(blocks.count == 3)
        let result = try Stack.command(
            ["-c", blocks.joined(separator: "\n")], of: "/bin/bash", environment: Environment.current)
        #expect(result.status == 0)
        #expect(result.output.contains(#""message":"Task completed successfully!""#), "\(result.output)")
    }

    @Test func commandsAcceptASelfSignedCertificateOnLocalhost() throws {
        let client = try FastCGIClient(path: stack.socket)
        func page(_ host: String) throws -> String {
            try client.exchange(stack.params("GET", "/", [("HTTP_HOST", host), ("HTTPS", "on")])).text
        }
        #expect(try page("127.0.0.1:8443").contains("curl -sk https://127.0.0.1:8443/login "))
        #expect(try page("localhost").contains("curl -sk https://localhost/login "))
        #expect(try page("flow.example.org").contains("curl -s https://flow.example.org/login "))
    }

    /// Swagger UI is missing in plain CGI, or if it could not be downloaded.
    @Test func missingDocumentationPageExplainsTheSetup() throws {
        for path in ["/docs", "/docs/"] {
            let page = try stack.get(path)
            #expect(page.status == 404)
            #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            #expect(page.text.contains("deploy/static-files"))
            #expect(page.text.contains("<a href=\"/openapi.json\">"))
        }
        expectProblem(try stack.get("/docs/docs.js"), 404, "not_found")
    }
}
