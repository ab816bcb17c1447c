import JSON
import TestSupport
import Testing

/// Header values may hold any byte but control characters. Only the code that reads a header refuses its value.
@Suite struct HeaderBytesTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    /// Latin-1, UTF-8 and bytes that are neither.
    private static let values: [[UInt8]] = [
        Array("caf".utf8) + [0xE9], Array("café 😀".utf8), [0x80, 0xFF, 0xC0, 0xAF],
    ]

    /// The answer to a request with one more header.
    private func answer(
        _ method: String, _ path: String, _ name: String, _ value: [UInt8], token: String? = nil, body: JSON? = nil
    ) throws -> HTTPAnswer {
        var headers = token.map { [stack.bearer($0)] } ?? []
        if body != nil { headers.append(("Content-Type", "application/json")) }
        let message = stack.client.message(method, path, headers: headers, body: body?.serialized())
        let line = try #require(message.indices.first { message[$0...].starts(with: Array("\r\n".utf8)) })
        return try stack.client.exchange(
            Array(message[..<(line + 2)]) + Array("\(name): ".utf8) + value + message[line...])
    }

    @Test(arguments: ["Referer", "Cookie", "User-Agent", "X-Request-Id", "Accept-Language", "If-None-Match", "X-Other"])
    func bytesOfAHeaderThatNothingReadsHaveNoEffect(name: String) throws {
        for value in Self.values {
            #expect(try answer("GET", "/me", name, value, token: user.token).status == 200, "\(value)")
        }
    }

    @Test func theReaderOfAHeaderRefusesThem() throws {
        let post: JSON = ["title": "a", "content": "b"]
        let account: JSON = ["email": .string(user.email), "password": .string(user.password)]
        for value in Self.values {
            expectChallenge(try answer("GET", "/me", "Authorization", Array("Bearer ".utf8) + value), "token_invalid")
            expectChallenge(try answer("GET", "/me", "Cookie", Array("access_token=".utf8) + value), "token_invalid")
            expectProblem(
                try answer("POST", "/posts", "Idempotency-Key", value, token: user.token, body: post), 400,
                "idempotency_key_invalid")
            expectProblem(
                try answer("POST", "/posts", "Content-Encoding", value, token: user.token, body: post), 415)
            expectProblem(
                try answer("POST", "/login", "Origin", Array("http://".utf8) + value, body: account), 403,
                "origin_refused")
        }
    }

    @Test func sessionsShowTheAgentWithReplacedBytes() throws {
        let account: JSON = ["email": .string(user.email), "password": .string(user.password)]
        let login = try stack.patiently {
            try answer("POST", "/login", "User-Agent", Array("caf".utf8) + [0xE9], body: account)
        }
        #expect(login.status == 200, "\(login.text)")
        let sessions = try stack.get("/api/sessions", token: login["token"].stringValue)
        let current = sessions["items"].arrayValue?.first { $0["current"] == true }
        #expect(current?["agent"] == "caf\u{FFFD}")
    }
}
