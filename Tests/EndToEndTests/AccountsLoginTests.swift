import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Logging in and out, and what a failed login discloses.
@Suite struct AccountsLoginTests {
    let stack: Stack

    init() throws { stack = try Stack.shared.get() }

    @Test func logsInByJSONAndByForm() throws {
        let user = try stack.makeUser()
        let email = user.email.replacing("@", with: "%40")
        let password = user.password.replacing(" ", with: "+")
        let form = "application/x-www-form-urlencoded"
        let fields: JSON = [
            "username": .string(user.email), "password": .string(user.password), "grant_type": "password", "scope": "",
            "client_id": "app", "client_secret": "secret",
        ]
        let cases: [(type: String, body: [UInt8])] = [
            ("application/json", fields.serialized()),
            ("Application/JSON; charset=\"utf-8\"", fields.serialized()),
            (form, Array("email=\(email)&password=\(password)".utf8)),
            (form + "; charset=UTF-8", Array("username=\(email)&password=\(password)&grant_type=password&scope=".utf8)),
        ]
        for (type, body) in cases {
            let answer = try stack.patiently {
                try stack.client.send("POST", "/login", headers: [("Content-Type", type)], body: body)
            }
            #expect(answer.status == 200, "\(type) \(answer.text)")
            #expect(answer["token_type"] == "bearer")
            #expect(answer["expires_in"] == 1800)
            #expect(answer["access_token"] == answer["token"])
            let token = try #require(answer["token"].stringValue)
            #expect(try stack.get("/me", token: token)["id"] == .string(user.id))
        }
    }

    /// The response must not disclose whether a user exists (OWASP ASVS 5, 6.3.8).
    @Test func unknownNamesAndWrongPasswordsGetTheSameResponse() throws {
        let user = try stack.makeUser()
        let names = [
            user.email, unique("nobody"), unique("nobody") + "@example.org", "' OR 1=1 --", "'; DROP TABLE users",
        ]
        let answers = try names.map { try login($0, "the wrong one") }
        for answer in answers {
            expectProblem(answer, 401, "invalid_credentials")
            #expect(answer["message"] == "Authentication failed")
            #expect(answer.headers["www-authenticate"] != nil)
            #expect(answer.body.count == answers[0].body.count)
            #expect(stableHeaders(answer) == stableHeaders(answers[0]))
        }
        #expect(try login(user.email, user.password).status == 200)
    }

    /// Without a password hash for unknown names, their responses would be many times faster.
    @Test func unknownNamesTakeAsLongAsWrongPasswords() throws {
        let user = try stack.makeUser()
        var times: [String: [Duration]] = [:]
        for _ in 0..<20 {
            for name in [user.email, "nobody@example.org"] {
                let start = ContinuousClock.now
                _ = try login(name, "the wrong one")
                times[name, default: []].append(.now - start)
            }
        }
        let medians = times.values.map { $0.sorted()[10] }.sorted()
        #expect(medians[1] < medians[0] * 3)
    }

    @Test func logoutEndsOneSessionOrAll() throws {
        let user = try stack.makeUser()
        let tokens = try [user.token] + (0..<3).map { _ in try stack.token(user.email, user.password) }
        func live() throws -> [Bool] { try tokens.map { try stack.get("/me", token: $0).status == 200 } }

        let answer = try stack.client.send("POST", "/logout", headers: [stack.bearer(tokens[0])])
        #expect(answer.status == 204)
        #expect(answer.body.isEmpty)
        #expect(try live() == [false, true, true, true])
        expectChallenge(try stack.get("/me", token: tokens[0]), "token_invalid")
        #expect(try stack.post("/logout", ["all": false], token: tokens[1]).status == 204)
        #expect(try live() == [false, false, true, true])
        #expect(try stack.post("/logout", ["all": true], token: tokens[2]).status == 204)
        #expect(try live() == [false, false, false, false])
        expectChallenge(try stack.post("/logout", [:], token: tokens[2]), "token_invalid")
    }

    @Test func disabledUsersAreRejectedAtOnce() throws {
        let user = try stack.makeUser()
        try stack.database.connect().execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        expectChallenge(try stack.get("/me", token: user.token), "token_invalid")
        expectProblem(try login(user.email, user.password), 401, "invalid_credentials")
        try stack.database.connect().execute("UPDATE users SET disabled_at = NULL WHERE id = \(user.id)")
        #expect(try stack.get("/me", token: user.token).status == 200)
    }

    @Test func expiredSessionsAreRejected() throws {
        let user = try stack.makeUser()
        try stack.database.connect().execute("UPDATE sessions SET expires_at = now() WHERE user_id = \(user.id)")
        expectChallenge(try stack.get("/me", token: user.token), "token_invalid")
    }

    /// A burst must not starve other clients: few hashes run at once, the other requests get a `Retry-After`.
    @Test func survivesAHundredConcurrentFailedLogins() throws {
        let stack = try Stack()
        let body: JSON = ["email": "user3784mail@gmail.com", "password": "the wrong one"]
        let headers = [("Content-Type", "application/json")]
        let message = stack.client.message("POST", "/login", headers: headers, body: body.serialized())
        let connections = try (0..<100).map { _ in try stack.client.begin(message) }
        #expect(try stack.get("/health").status == 200)
        let answers = try connections.map { try stack.client.finish($0) }
        for answer in answers {
            switch answer.status {
            case 401: expectProblem(answer, 401, "invalid_credentials")
            case 429, 503:
                expectProblem(answer, answer.status)
                #expect(answer.headers["retry-after"].flatMap { Int($0) } ?? 0 > 0)
            default: Issue.record("status \(answer.status)")
            }
        }
        #expect(answers.contains { $0.status == 401 })
        #expect(try !stack.token().isEmpty)
    }

    private func login(_ name: String, _ password: String) throws -> HTTPAnswer {
        try stack.patiently { try stack.post("/login", ["email": .string(name), "password": .string(password)]) }
    }

    /// The headers of a response that do not differ between any two requests.
    private func stableHeaders(_ answer: HTTPAnswer) -> [String] {
        answer.headers.fields.filter { !["date", "x-request-id"].contains($0.name.lowercased()) }.map {
            "\($0.name): \($0.value)"
        }
    }
}
