import HTTP
import JSON
import TestSupport
import Testing

/// Malformed bodies and fields: refused with an explanation, never partly accepted, never a server error.
@Suite struct BadInputTests {
    let application: TestApplication
    let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    @Test func refusesMalformedJSON() throws {
        let bodies: [(name: String, body: [UInt8], code: String)] = [
            ("empty", [], "invalid_json"), ("blank", Array(" \r\n\t".utf8), "invalid_json"),
            ("open", Array("{".utf8), "invalid_json"),
            ("trailing comma", Array(#"{"title":"a",}"#.utf8), "invalid_json"),
            ("two values", Array("{} {}".utf8), "invalid_json"), ("comment", Array("{/**/}".utf8), "invalid_json"),
            ("depth 65", nested(65), "invalid_json"), ("depth 100,000", nested(100_000), "invalid_json"),
            ("duplicate name", Array(#"{"title":"a","title":"b"}"#.utf8), "duplicate_name"),
            ("duplicate name, escaped", Array(#"{"title":"a","\u0074itle":"b"}"#.utf8), "duplicate_name"),
            ("lone high surrogate", Array(#"{"title":"\ud800"}"#.utf8), "invalid_json"),
            ("lone low surrogate", Array(#"{"title":"\udc00x"}"#.utf8), "invalid_json"),
            ("1e400", Array(#"{"title":1e400}"#.utf8), "number_out_of_range"),
            ("1e131071", Array(#"{"title":1e131071}"#.utf8), "number_out_of_range"),
            ("2^64", Array(#"{"title":18446744073709551616}"#.utf8), "number_out_of_range"),
            ("NaN", Array(#"{"title":NaN}"#.utf8), "invalid_json"),
            ("Infinity", Array(#"{"title":-Infinity}"#.utf8), "invalid_json"),
            (
                "invalid UTF-8", Array(#"{"title":""#.utf8) + [0xff, 0xfe] + Array(#""}"#.utf8),
                "invalid_json"
            ),
            ("overlong UTF-8", Array(#"{"title":""#.utf8) + [0xc0, 0x80] + Array(#""}"#.utf8), "invalid_json"),
            ("UTF-8 byte order mark", [0xef, 0xbb, 0xbf] + Array("{}".utf8), "invalid_json"),
            ("UTF-16", [0xff, 0xfe] + Array("{}".utf8).flatMap { [$0, 0] }, "invalid_json"),
        ]
        for (method, path) in [
            ("POST", "/posts"), ("POST", "/flow-manager"), ("PUT", "/api/data/x"), ("POST", "/login"),
        ] {
            for (name, body, code) in bodies {
                expectProblem(try send(method, path, body), 400, code, "\(path) \(name)")
            }
        }
        #expect(try application.get("/api/data", token: user.token)["items"] == [])
    }

    @Test func refusesOtherMediaTypes() throws {
        let types = [
            "text/plain", "", "multipart/form-data; boundary=x", "application/xml", "application/json; charset=latin1",
            "application/x-www-form-urlencoded", "json", "applic ation/json",
        ]
        for type in types {
            let headers = [application.bearer(user.token), ("Content-Type", type)]
            let answer = try application.send("POST", "/posts", headers: headers, body: Array("{}".utf8))
            expectProblem(answer, 415, "unsupported_media_type", type)
        }
        let missing = try application.send(
            "POST", "/posts", headers: [application.bearer(user.token)], body: Array("{}".utf8))
        expectProblem(missing, 415)
        for encoding in ["gzip", "br", "deflate, gzip"] {
            let answer = try application.post(
                "/posts", [:], token: user.token, headers: [("Content-Encoding", encoding)])
            expectProblem(answer, 415, "unsupported_media_type", encoding)
        }
    }

    @Test func refusesMalformedForms() throws {
        for body in [
            "username=%zz&password=x", "username=%ff&password=x", "username=a%00b&password=x", "password=x&password=y",
        ] {
            let headers = [("Content-Type", "application/x-www-form-urlencoded")]
            expectProblem(
                try application.send("POST", "/login", headers: headers, body: Array(body.utf8)), 400, nil, body)
        }
    }

    @Test func refusesNullCharacters() throws {
        let cases: [(method: String, path: String, body: JSON, pointer: String)] = [
            ("POST", "/posts", ["title": "a\u{0}", "content": ""], "/title"),
            ("PUT", "/api/data/x", ["value": ["a": ["b\u{0}"]]], "/value/a/0"),
            ("PUT", "/api/data/x", ["value": ["a\u{0}": 1]], "/value/a\u{0}"),
            ("POST", "/register", ["username": "a\u{0}b", "password": "long enough"], "/username"),
            ("POST", "/generate_array", ["sentence": "\u{0}"], "/sentence"),
            ("POST", "/flow-manager", ["flow": [:], "input": "\u{0}"], "/input"),
        ]
        for (method, path, body, pointer) in cases {
            let answer = try application.send(method, path, body, token: user.token)
            #expect(answer.status == 422, "\(path)")
            #expect(pointers(answer).contains(pointer), "\(answer.text)")
        }
    }

    @Test func keepsNumbersExact() throws {
        for number in ["9007199254740993", "-9223372036854775808", "18446744073709551615", "0.1", "1e-300", "-0.0"] {
            #expect(try send("PUT", "/api/data/number", Array(#"{"value":[\#(number)]}"#.utf8)).status == 200)
            let text = try application.get("/api/data/number", token: user.token).text
            #expect(text.contains("[\(number)]"), "\(text)")
        }
    }

    /// The work grows with the size of a body and does not depend on its names (hash flooding).
    @Test func limitsMembersElementsAndDepth() throws {
        func members(_ count: Int, _ name: (Int) -> String) -> [UInt8] {
            Array(("{\"value\":{" + (0..<count).map { "\"\(name($0))\":0" }.joined(separator: ",") + "}}").utf8)
        }
        func elements(_ count: Int) -> [UInt8] {
            Array(("{\"value\":[" + [String](repeating: "0", count: count).joined(separator: ",") + "]}").utf8)
        }
        // Names with the same hash value under the multiplicative hashes of many languages.
        let collide: (Int) -> String = { number in
            (0..<14).map { number >> $0 & 1 == 0 ? "Aa" : "BB" }.joined()
        }
        let cases: [(body: [UInt8], status: Int, code: String)] = [
            (members(10_000) { "m\($0)" }, 200, ""), (members(10_001) { "m\($0)" }, 422, "too_many_members"),
            (members(10_000, collide), 200, ""), (elements(100_000), 200, ""),
            (elements(100_001), 422, "too_many_elements"),
            (nested(63, in: "value"), 200, ""), (nested(64, in: "value"), 400, "invalid_json"),
        ]
        for (number, (body, status, code)) in cases.enumerated() {
            let answer = try send("PUT", "/api/data/big", body)
            #expect(answer.status == status, "case \(number): \(answer.text.prefix(200))")
            if status != 200 { expectProblem(answer, status, code) }
        }
    }

    @Test func reportsEveryUnknownField() throws {
        let body: JSON = ["title": "a", "contents": "b", "user_id": "c", "role": "admin", "id": 1]
        let answer = try application.post("/posts", body, token: user.token)
        expectProblem(answer, 422, "validation_failed")
        #expect(pointers(answer) == ["/contents", "/user_id", "/role", "/id", "/content"])
        #expect(answer["errors"].arrayValue?.first?["hint"] == "did you mean 'content'?")
        expectProblem(try application.post("/logout", ["everything": true], token: user.token), 422)
        #expect(try application.get("/me", token: user.token).status == 200, "the session is still active")
    }

    /// Text is never interpreted, neither as a statement nor as a pattern, template or markup.
    @Test(arguments: [
        "'; DROP TABLE users; --", "' OR '1'='1", "$1", "\\'; SELECT pg_sleep(5)--", "%_%", "{{ $.user.email }}",
        "${7*7}",
        "<script>alert(1)</script>", "\r\nX-Injected: 1", "../../etc/passwd", "Ω≈ç√ 😀 \u{202e}abc",
    ])
    func storesTextVerbatim(text: String) throws {
        let made = try application.post(
            "/posts", ["title": .string(text), "content": .string(text)], token: user.token)
        #expect(made.status == 201)
        #expect(made.headers["x-injected"] == nil)
        let read = try application.get(try #require(made.headers["location"]), token: user.token)
        #expect(read["title"] == .string(text))
        #expect(read["content"] == .string(text))

        let account: JSON = [
            "email": .string(unique("text") + "@example.org"), "password": .string(text + "12345678"),
            "name": .string(text),
        ]
        let created = try application.patiently { try application.post("/create_user", account) }
        #expect(created["name"] == .string(text))

        let stored = try application.send("PUT", "/api/data/text", ["value": [.string(text)]], token: user.token)
        #expect(stored["value"] == [.string(text)])
        let escaped = text.utf8.map { "%" + String(Int($0) + 256, radix: 16).dropFirst() }.joined()
        let named = try application.send("PUT", "/api/data/\(escaped)", ["value": 1], token: user.token)
        if text.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }) {
            expectProblem(named, 400)
        } else {
            #expect(named["name"] == .string(text))
        }
    }

    private func send(_ method: String, _ path: String, _ body: [UInt8]) throws -> HTTPAnswer {
        let headers = [application.bearer(user.token), ("Content-Type", "application/json")]
        return try application.send(method, path, headers: headers, body: body)
    }

    private func nested(_ depth: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(ascii: "["), count: depth) + [UInt8](repeating: UInt8(ascii: "]"), count: depth)
    }

    private func nested(_ depth: Int, in name: String) -> [UInt8] {
        Array("{\"\(name)\":".utf8) + nested(depth) + Array("}".utf8)
    }
}
