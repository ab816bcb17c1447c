import HTTP
import TestSupport
import Testing

/// The files behind `/docs`, as nginx serves them. Two short files replace Swagger UI, which comes from the
/// network. The browser test uses the real files.
@Suite struct DocumentationTests {
    let stack: Stack

    init() throws { stack = try Self.documented.get() }

    private static let documented = Result { try Stack(settings: ["STATIC": makeStaticFiles()]) }

    private static let version: String = {
        let pin = (try? sourceText("deploy/swagger-ui.txt")) ?? ""
        return pin.firstMatch(of: #/==([0-9.]+) /#).map { String($0.1) } ?? ""
    }()

    /// Each file with its media type and its `Cache-Control`.
    private static let files: [(path: String, type: String, cache: String)] = [
        ("/docs/", "text/html", "no-cache"),
        ("/docs/docs.js", "text/javascript", "no-cache"),
        ("/docs/docs.css", "text/css", "no-cache"),
        ("/docs/assets/\(version)/swagger-ui-bundle.js", "text/javascript", "public, max-age=31536000, immutable"),
        ("/docs/assets/\(version)/swagger-ui.css", "text/css", "public, max-age=31536000, immutable"),
    ]

    private static let strictPolicy = "default-src 'none'; frame-ancestors 'none'"
    private static let pagePolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    /// The security headers that are wrong, missing or repeated.
    private func flaws(_ answer: HTTPAnswer, policy: String, cache: String) -> [String] {
        let expected = [
            ("content-security-policy", policy), ("referrer-policy", "no-referrer"), ("cache-control", cache),
            ("x-content-type-options", "nosniff"),
        ]
        var flaws = expected.filter { answer.headers[$0.0] != $0.1 || answer.headers.count(of: $0.0) != 1 }.map(\.0)
        if answer.headers.count(of: "x-request-id") != 1 { flaws.append("x-request-id") }
        return flaws
    }

    @Test func everyFileHasItsTypeAndTheSecurityHeaders() throws {
        for file in Self.files {
            let policy = file.type == "text/html" ? Self.pagePolicy : Self.strictPolicy
            let plain = try stack.get(file.path)
            #expect(plain.status == 200, "\(file.path)")
            #expect(plain.headers["content-type"] == "\(file.type); charset=utf-8", "\(file.path)")
            #expect(flaws(plain, policy: policy, cache: file.cache) == [], "\(file.path)")

            let head = try stack.client.send("HEAD", file.path)
            #expect(head.status == 200 && head.body.isEmpty, "\(file.path)")
            #expect(head.headers["content-length"] == String(plain.body.count), "\(file.path)")
            #expect(flaws(head, policy: policy, cache: file.cache) == [], "HEAD \(file.path)")

            let zipped = try stack.get(file.path, headers: [("Accept-Encoding", "gzip")])
            #expect(zipped.headers["content-encoding"] == "gzip", "\(file.path)")
            #expect(zipped.headers["vary"] == "Accept-Encoding" && plain.headers["vary"] == "Accept-Encoding")
            #expect(zipped.body.count < plain.body.count && zipped.headers["etag"] != plain.headers["etag"])
            #expect(flaws(zipped, policy: policy, cache: file.cache) == [], "\(file.path) compressed")

            for answer in [plain, zipped] {
                let tag = try #require(answer.headers["etag"])
                let encoding = answer.headers["content-encoding"].map { [("Accept-Encoding", $0)] } ?? []
                let notModified = try stack.get(file.path, headers: [("If-None-Match", tag)] + encoding)
                #expect(notModified.status == 304 && notModified.body.isEmpty, "\(file.path)")
                #expect(flaws(notModified, policy: policy, cache: file.cache) == [], "304 \(file.path)")
            }
        }
    }

    /// The links of the page are relative, so that they hold below any base path.
    @Test func thePageHasOneAddress() throws {
        let answer = try stack.get("/docs")
        #expect(answer.status == 307 && answer.headers["location"] == "docs/")
    }

    /// nginx would repeat the headers in its response to an unsatisfiable range.
    @Test func rangesAreIgnored() throws {
        for range in ["bytes=0-9", "bytes=99999999-", "bytes=0-1,2-3", "lines=1"] {
            let answer = try stack.get("/docs/docs.js", headers: [("Range", range)])
            #expect(answer.status == 200 && answer.body.count > 1_000, "\(range)")
            #expect(flaws(answer, policy: Self.strictPolicy, cache: "no-cache") == [], "\(range)")
        }
    }

    @Test func pageLinksOnlyToExistingFiles() throws {
        let page = try stack.get("/docs/").text
        #expect(!page.contains("@VERSION@"))
        let names = page.matches(of: #/(?:src|href)="([^":]+)"/#).map { match in
            match.1.hasPrefix("../") ? "/" + match.1.dropFirst(3) : "/docs/" + match.1
        }
        #expect(names.count >= 6)
        for name in names { #expect(try stack.get(name).status == 200, "\(name)") }
    }

    @Test func rejectsOtherMethods() throws {
        for method in ["POST", "PUT", "PATCH", "DELETE", "FOO"] {
            for path in ["/docs", "/docs/"] {
                let page = try stack.client.send(method, path)
                expectProblem(page, 405, "method_not_allowed", method)
                #expect(page.headers["allow"] == "GET, HEAD, OPTIONS")
            }
            let file = try stack.client.send(method, "/docs/docs.js")
            expectProblem(file, 405, "method_not_allowed", method)
            #expect(file.headers["allow"] == "GET, HEAD")
            #expect(flaws(file, policy: Self.strictPolicy, cache: "no-store") == [], "\(method)")
        }
        for path in ["/docs", "/docs/"] {
            let options = try stack.client.send("OPTIONS", path)
            #expect(options.status == 204 && options.headers["allow"] == "GET, HEAD, OPTIONS")
        }
    }

    @Test(arguments: [
        "/docs/../", "/docs/%2e%2e/", "/docs/..%2f", "/docs/../outside.js", "/docs/%2e%2e/outside.js",
        "/docs/..%2foutside.js", "/docs/%2e%2e%2foutside.js", "/docs/..%5coutside.js", "/docs/....//outside.js",
        "/docs/..%2f..%2f..%2f..%2fetc%2fpasswd", "/docs/%00", "/docs/docs.js%00.css", "/docs/link.js",
        "/docs/assets", "/docs/assets/", "/docs/assets/\(version)", "/docs/assets/\(version)/", "/docs/nothing.js",
        "/docs/docs.js/", "/docs//outside.js", "/docsx", "/docs.js", "/outside.js",
    ])
    func servesNothingElse(path: String) throws {
        let answer = try stack.get(path)
        expectProblem(answer, answer.status == 400 ? 400 : 404)
        #expect(flaws(answer, policy: Self.strictPolicy, cache: "no-store") == [])
        #expect(!answer.text.contains("secret"))
    }

    @Test func rejectsHTTP09() throws {
        for path in ["/docs", "/docs/", "/docs/docs.js"] {
            #expect {
                try stack.client.exchange(Array("GET \(path)\r\n".utf8))
            } throws: { failure in
                "\(failure)".contains("\"code\":\"bad_request\"")
            }
        }
    }
}
