import Crypto
import Dispatch
import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

/// A stack that accepts the tokens of an OpenID Connect provider.
private struct Federation {
    let issuer: TestIssuer
    let stack: Stack

    /// For tests that do not change the issuer and do not count its requests.
    static let shared = Result { try Federation() }

    init() throws {
        issuer = try TestIssuer()
        stack = try Stack(settings: [
            "OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": "\(TestIssuer.audience), other",
            "AUTHORIZED_PARTIES": TestIssuer.party, "HTTP_ALLOW_ADDRESSES": issuer.address, "RESPONDERS": "1",
            "THREADS": "8",
        ])
    }

    func me(_ token: String) throws -> HTTPAnswer { try stack.get("/me", token: token) }

    func count(_ rows: SQL) throws -> Int {
        try stack.database.connect().query("SELECT count(*) FROM \(rows)").only.decode(Int.self)
    }
}

/// Requests with a token of an OpenID Connect provider, through the whole stack.
@Suite struct ExternalIssuerTests {
    private let federation: Federation
    private var issuer: TestIssuer { federation.issuer }
    private var stack: Stack { federation.stack }

    init() throws { federation = try Federation.shared.get() }

    /// All requests find no account and wait to create it.
    @Test func concurrentRequestsCreateOneAccount() throws {
        let token = issuer.token(of: "race", ["email": "race@example.org", "email_verified": true, "name": "Race"])
        let held = try HeldRows(
            "INSERT INTO identities (issuer, subject, user_id) VALUES (\(issuer.url), 'race', gen_random_uuid())",
            in: stack.database)
        let message = stack.client.message("GET", "/me", headers: [stack.bearer(token)])
        let calls = try (0..<4).map { _ in try stack.client.begin(message) }
        try held.waitUntilWanted(by: 4)
        held.release()
        let answers = try calls.map { try stack.client.finish($0) }
        #expect(answers.map(\.status) == [200, 200, 200, 200])
        #expect(Set(answers.map(\.body)).count == 1)
        #expect(answers.first?["email"] == "race@example.org")
        #expect(answers.first?["credits"] == ["balance": 20, "held": 0])
        #expect(try federation.count("users WHERE name = 'Race'") == 1)
    }

    @Test func emailDoesNotLinkToAnExistingAccount() throws {
        let local = try stack.makeUser()
        let claims: [(changes: [String: JSON?], email: JSON)] = [
            (["email": .string(local.email), "email_verified": true], nil),
            (["email": .string(local.email.uppercased()), "email_verified": true], nil),
            (["email": "unverified@example.org"], nil),
            (["email": "unverified@example.org", "email_verified": "true"], nil),
            (["email": "not an e-mail", "email_verified": true], nil),
            (["email": 1, "email_verified": true], nil),
            (["email": "a\u{0}@example.org", "email_verified": true], nil),
            (["email": "new@example.org", "email_verified": true], "new@example.org"),
            (["name": .string(String(repeating: "n", count: 201))], nil), (["name": "a\u{0}"], nil),
        ]
        for (number, claim) in claims.enumerated() {
            let answer = try federation.me(issuer.token(of: "mail-\(number)", claim.changes))
            #expect(answer.status == 200, "\(claim) \(answer.text)")
            #expect(answer["email"] == claim.email, "\(claim)")
            #expect(answer["name"] == .null)
            #expect(answer["id"] != .string(local.id))
        }
        expectProblem(
            try stack.patiently { try stack.post("/login", ["email": "new@example.org", "password": "a password"]) },
            401)
    }

    @Test func acceptsOnlyTokensOfItsIssuerForItsAudience() throws {
        let stranger = try TestIssuer()
        let forger = try SigningKey(.edDSA, id: issuer.key.id)
        let good = issuer.claims(of: "meant")
        let now = try #require(good["iat"]?.integerValue)
        let tokens: [(token: String, code: String)] = [
            (stranger.token(of: "meant"), "token_invalid"),
            (forger.token(good), "token_invalid"),
            (stranger.key.token(good), "token_invalid"),
            (issuer.token(of: "meant", ["iss": "flow-manager"]), "token_invalid"),
            (issuer.token(of: "meant", ["aud": "https://other.example"]), "token_invalid"),
            (issuer.token(of: "meant", ["aud": nil]), "token_invalid"),
            (issuer.token(of: "meant", ["azp": "https://evil.example"]), "token_invalid"),
            (issuer.token(of: "meant", ["exp": .integer(now - 31)]), "token_expired"),
            (issuer.token(of: "meant", ["exp": nil]), "token_invalid"),
            (issuer.token(of: "meant", ["nbf": .integer(now + 60)]), "token_invalid"),
            (issuer.token(of: "meant", ["iat": .integer(now + 60)]), "token_invalid"),
            (issuer.token(of: ""), "token_invalid"), (issuer.token(of: "a\u{0}"), "token_invalid"),
            (issuer.key.token(good, header: ["typ": "rt+jwt"]), "token_invalid"),
            (issuer.key.token(good, header: ["crit": ["exp"]]), "token_invalid"),
            (issuer.key.unsignedToken(good) + ".", "token_invalid"),
            (issuer.key.unsignedToken(good, header: ["alg": "none"]) + ".", "token_invalid"),
        ]
        for (number, token) in tokens.enumerated() {
            expectChallenge(try federation.me(token.token), token.code, "token \(number)")
        }
        for secret in [issuer.key.jwk.serialized(), Array(Stack.tokenSecret.utf8)] {
            for algorithm in ["HS256", "EdDSA"] {
                let message = issuer.key.unsignedToken(good, header: ["alg": .string(algorithm)])
                let code = HMACSHA256(key: secret).code(for: message.utf8)
                expectChallenge(try federation.me(message + "." + Base64URL.encode(code)), "token_invalid", algorithm)
            }
        }
        #expect(stranger.targets == [])
        #expect(try federation.count("identities WHERE subject = 'meant'") == 0)
        #expect(try federation.me(issuer.token(of: "meant")).status == 200)
    }

    /// Browsers add cookies to the requests of any page, and without a session there is no CSRF token to require.
    @Test func tokensAreRejectedAsCookies() throws {
        for (method, body) in [("GET", nil), ("PATCH", ["name": "Eve"])] as [(String, JSON?)] {
            let cookie = ("Cookie", "access_token=\(issuer.token(of: "cookie"))")
            let answer = try stack.send(method, "/me", body, headers: [cookie, ("Sec-Fetch-Site", "cross-site")])
            expectChallenge(answer, "token_invalid", method)
        }
        #expect(try federation.count("identities WHERE subject = 'cookie'") == 0)
    }

    @Test func disabledAndDeletedUsersAreRejected() throws {
        let admin = try stack.adminToken()
        func id(of subject: String) throws -> String {
            try #require(try federation.me(issuer.token(of: subject))["id"].stringValue)
        }
        let (disabled, deleted) = (try id(of: "disabled"), try id(of: "deleted"))
        #expect(try stack.send("PATCH", "/api/users/\(disabled)", ["disabled": true], token: admin).status == 200)
        #expect(try stack.send("DELETE", "/api/users/\(deleted)", token: admin).status == 204)
        for subject in ["disabled", "deleted"] {
            for _ in 1...2 { expectChallenge(try federation.me(issuer.token(of: subject)), "token_invalid", subject) }
        }
        #expect(try federation.count("identities WHERE subject IN ('disabled', 'deleted')") == 2)
        #expect(try stack.send("PATCH", "/api/users/\(disabled)", ["disabled": false], token: admin).status == 200)
        #expect(try id(of: "disabled") == disabled)
    }

    /// Such a user logs in at the provider and has neither a session nor a password here.
    @Test func tokensGrantTheRightsOfAUser() throws {
        let token = issuer.token(of: "worker")
        #expect(try stack.post("/flow-manager", .demoFlow, token: token).status == 200)
        #expect(try stack.send("PATCH", "/me", ["name": "Ann"], token: token)["name"] == "Ann")
        #expect(try stack.get("/api/sessions", token: token)["items"] == [])
        expectProblem(try stack.get("/api/users", token: token), 403)

        let key = try stack.post("/api/keys", ["name": "k"], token: token)
        #expect(key.status == 201)
        #expect(try federation.me(key["key"].stringValue ?? "").status == 200)

        let passwords: [(method: String, path: String, body: JSON)] = [
            ("PATCH", "/me", ["password": "a new password", "current_password": ""]),
            ("PATCH", "/me", ["password": "a new password", "current_password": "a new password"]),
            ("POST", "/api/mfa/totp", ["current_password": "a password"]),
        ]
        for call in passwords {
            let answer = try stack.patiently { try stack.send(call.method, call.path, call.body, token: token) }
            expectProblem(answer, 403, "wrong_password", call.path)
        }
        // Only the issuer can revoke its token. There is no session here to end.
        for body: JSON in [[:], ["all": true]] {
            #expect(try stack.post("/logout", body, token: token).status == 204)
            #expect(try federation.me(token).status == 200)
        }
    }

    /// If an operator sets a password, the user can log in here too, with sessions.
    @Test func logoutKeepsSessionsUnlessAllAreEnded() throws {
        let token = issuer.token(of: "both", ["email": "ann@example.org", "email_verified": true])
        let id = try #require(try federation.me(token)["id"].stringValue)
        let other = try stack.makeUser()
        try stack.database.connect().execute(
            """
            UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE id = \(other.id)) WHERE id = \(id)
            """)
        let session = try stack.token("ann@example.org", other.password)
        #expect(try stack.post("/logout", [:], token: token).status == 204)
        #expect(try federation.me(session)["id"] == .string(id))
        #expect(try stack.post("/logout", ["all": true], token: token).status == 204)
        expectChallenge(try federation.me(session), "token_invalid")
    }
}

/// When the keys of the provider are fetched.
@Suite struct ExternalIssuerKeysTests {
    private let federation: Federation
    private var issuer: TestIssuer { federation.issuer }
    private var stack: Stack { federation.stack }

    init() throws { federation = try Federation() }

    @Test func firstRequestOfASubjectCreatesItsAccount() throws {
        let before = try federation.count("users")
        let token = issuer.token(
            of: "user-1", ["email": "ann@example.org", "email_verified": true, "name": "Ann", "role": "admin"])
        let answers = Mutex<[HTTPAnswer]>([])
        DispatchQueue.concurrentPerform(iterations: 20) { _ in
            guard let answer = try? federation.me(token) else { return }
            answers.withLock { $0.append(answer) }
        }
        let all = answers.withLock(\.self)
        #expect(all.map(\.status) == Array(repeating: 200, count: 20))
        #expect(Set(all.map(\.body)).count == 1)
        let account = try #require(all.first).json
        #expect(account["email"] == "ann@example.org")
        #expect(account["name"] == "Ann")
        #expect(account["role"] == "client")
        #expect(try federation.count("users") == before + 1)
        #expect(issuer.fetchCount == 1)

        // Another token of the same subject, and one of another subject.
        #expect(try federation.me(issuer.token(of: "user-1"))["id"] == account["id"])
        #expect(try federation.me(issuer.token(of: "user-2"))["id"] != account["id"])
        #expect(try federation.count("users") == before + 2)
        #expect(issuer.fetchCount == 1)
    }

    /// Keys in a token, or at a URL in a token, are ignored.
    @Test func ignoresKeysInTokens() throws {
        let attacker = try TestIssuer()
        let key = try SigningKey(.edDSA, id: "mine")
        attacker.publish([key.jwk])
        for name in ["jku", "x5u", "jwk", "x5c"] {
            let value: JSON = name == "jwk" ? key.jwk : name == "x5c" ? ["MIIB"] : .string(attacker.keysURL)
            expectChallenge(
                try federation.me(key.token(issuer.claims(of: "user-1"), header: [name: value])), "token_invalid", name)
        }
        expectChallenge(try federation.me(key.token(attacker.claims(of: "user-1"))), "token_invalid")
        #expect(attacker.targets == [])
        #expect(issuer.targets == [])
    }

    @Test func unknownKeyIDsFetchTheKeysOnce() throws {
        #expect(try federation.me(issuer.token(of: "user-1")).status == 200)
        let claims = issuer.claims(of: "user-1")
        let statuses = Mutex<Set<Int>>([])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in 0..<125 {
                let token = issuer.key.token(claims, header: ["kid": .string("\(thread) \(number)")])
                let status = (try? federation.me(token))?.status ?? 0
                statuses.withLock { _ = $0.insert(status) }
            }
        }
        #expect(statuses.withLock(\.self) == [401])
        // Two if the test took longer than the cooldown.
        #expect(issuer.fetchCount <= 2)
        for name in ["../../dev/null", "' UNION SELECT", "\u{0}"] {
            expectChallenge(
                try federation.me(issuer.key.token(claims, header: ["kid": .string(name)])), "token_invalid", name)
        }
        #expect(try federation.me(issuer.token(of: "user-1")).status == 200)
    }

    @Test func respondsUnavailableWhileTheKeysAreUnavailable() throws {
        issuer.answerKeys(.last("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"))
        let own = try stack.makeUser()
        for _ in 1...3 {
            let answer = try federation.me(issuer.token(of: "user-1"))
            expectProblem(answer, 503, "unavailable")
            let seconds = try #require(answer.headers["retry-after"].flatMap { Int($0) })
            #expect((1...31).contains(seconds))
            // Other tokens are not affected.
            #expect(try federation.me(own.token).status == 200)
            expectChallenge(try federation.me("a.b.c"), "token_invalid")
        }
        #expect(issuer.fetchCount == 1)
        try stack.waitForLog { stack.log.contains(" issuer-unavailable ") }
        let lines = stack.log.split(separator: "\n").filter { $0.contains(" issuer-unavailable ") }
        #expect(lines.count == 1)
        #expect(lines.first?.contains("issuer=\(issuer.url) reason=status(503)") == true)
    }
}

/// Tokens of Clerk, which name the application that they were issued to.
@Suite struct ClerkTests {
    @Test func acceptsTokensOfItsOwnApplications() throws {
        let clerk = try TestIssuer(.rs256)
        let stack = try Stack(settings: [
            "CLERK_FRONTEND_URL": clerk.url + "/",
            "AUTHORIZED_PARTIES": "https://admin.example.org,\(TestIssuer.party)",
            "HTTP_ALLOW_ADDRESSES": "127.0.0.0/8",
        ])
        func me(_ changes: [String: JSON?]) throws -> HTTPAnswer {
            try stack.get("/me", token: clerk.token(of: "user_2abc", changes))
        }
        let account = try me(["aud": nil, "sid": "sess_1", "sts": "active", "v": 2])
        #expect(account.status == 200)
        #expect(try me(["aud": nil, "azp": "https://admin.example.org"])["id"] == account["id"])
        let refused: [[String: JSON?]] = [
            ["aud": nil, "azp": nil], ["aud": nil, "azp": "https://evil.example"],
            ["aud": nil, "azp": .string(TestIssuer.party + "/")], ["aud": "https://other.example"],
        ]
        for changes in refused { expectChallenge(try me(changes), "token_invalid", "\(changes)") }
        #expect(Set(clerk.targets) == ["/.well-known/jwks.json"])
    }
}
