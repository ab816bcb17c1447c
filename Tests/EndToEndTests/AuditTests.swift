import App
import Dispatch
import Foundation
import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing
import Tokens

/// The audit log has an entry for every event, through the whole stack.
@Suite struct AuditTests {
    let stack: Stack
    let admin: String
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        admin = try stack.adminToken()
        user = try stack.makeUser()
    }

    private func entries(_ query: String) throws -> [JSON] {
        let answer = try stack.get("/api/audit?limit=100&\(query)", token: admin)
        #expect(answer.status == 200, "\(answer.text)")
        return answer["items"].arrayValue ?? []
    }

    /// The actions on the subject in the audit log, the oldest first.
    private func actions(of subject: String) throws -> [String] {
        try entries("sort=created_at&subject=\(subject)").compactMap { $0["action"]?.stringValue }
    }

    private func id(ofToken token: String) throws -> JSON { try stack.get("/me", token: token)["id"] }

    private func login(_ password: String, otp: String? = nil) throws -> HTTPAnswer {
        var body = JSONObject([
            .init(name: "email", value: .string(user.email)), .init(name: "password", value: .string(password)),
        ])
        body["otp"] = otp.map(JSON.string)
        return try stack.patiently { try stack.post("/login", .object(body)) }
    }

    @Test func auditsRegistrationAndLogin() throws {
        let session = try stack.get("/api/sessions", token: user.token)["items"].arrayValue?.first?["id"]
        let items = try entries("subject=\(user.id)")
        #expect(items.map { $0["action"] } == ["login", "registered"], "the newest first")
        let login = try #require(items.first)
        #expect(login["detail"] == ["session": session ?? .null, "factor": "password"])
        #expect(login["actor"] == .string(user.id) && login["address"] == "127.0.0.1")
        #expect(login["origin"] == "request")
        #expect(try entries("actor=\(user.id)&action=login").map { $0["id"] } == [login["id"]])
        #expect(try entries("fields=action&subject=\(user.id)&action=registered") == [["action": "registered"]])
    }

    @Test func onlyAdminsReadTheAuditLog() throws {
        expectProblem(try stack.get("/api/audit", token: user.token), 403, "forbidden")
        expectChallenge(try stack.get("/api/audit"), "token_missing")
        expectProblem(try stack.get("/api/audit?action=nothing", token: admin), 400)
        expectProblem(try stack.get("/api/audit?address=127.0.0.1", token: admin), 400)
    }

    /// Any number of failed logins writes one row per hour. Unknown names write none.
    @Test func auditsFailedLoginsOncePerHour() throws {
        for _ in 0..<3 { #expect(try login("the wrong one").status == 401) }
        let unknown: JSON = ["email": "nobody-of-this-name@example.org", "password": "the wrong one"]
        let before = try stack.database.connect().query(
            "SELECT count(*) FROM audit_log WHERE action = 'login_failed' AND subject IS NULL"
        ).only.decode(Int.self)
        #expect(try stack.patiently { try stack.post("/login", unknown) }.status == 401)
        #expect(before == 0)
        let failures = try entries("subject=\(user.id)&action=login_failed")
        // Two if the hour ended between them.
        #expect((1...2).contains(failures.count))
        #expect(failures.allSatisfy { $0["actor"] == .null && $0["address"] == "127.0.0.1" && $0["detail"] == [:] })
    }

    /// A customer has many IPv6 addresses, so there is one row per network.
    @Test func auditsFailedLoginsOncePerNetwork() throws {
        let login: JSON = ["email": .string(user.email), "password": "the wrong one"]
        let body = login.serialized()
        for address in ["2001:db8:1:2:3::1", "2001:db8:1:2::9", "::ffff:192.0.2.9", "192.0.2.9", "192.0.2.10"] {
            let params = stack.params("POST", "/login", length: body.count, [("REMOTE_ADDR", address)])
            while try FastCGIClient(path: stack.socket).exchange(params, body: body).status == 503 {}
        }
        let addresses = try entries("subject=\(user.id)&action=login_failed").map { $0["address"] ?? .null }
        #expect(Set(addresses.map(\.text)) == [#""2001:db8:1:2::/64""#, #""192.0.2.9""#, #""192.0.2.10""#])
        // One more if the hour ended between them.
        #expect((3...4).contains(addresses.count))
    }

    @Test func auditsPasswordChangesAndSessions() throws {
        let change: JSON = ["password": "another password", "current_password": .string(user.password)]
        let changed = try stack.patiently { try stack.send("PATCH", "/me", change, token: user.token) }
        #expect(changed.status == 200)
        #expect(try stack.send("PATCH", "/me", ["name": "Ann"], token: user.token).status == 200)
        let refresh = try login("another password")["refresh_token"]
        for status in [200, 200] {
            #expect(try stack.post("/refresh", ["refresh_token": refresh]).status == status, "a retry is not a reuse")
        }
        try stack.database.connect().execute(
            "UPDATE sessions SET refreshed_at = now() - interval '1 hour' WHERE user_id = \(user.id)")
        for _ in 0..<2 { #expect(try stack.post("/refresh", ["refresh_token": refresh]).status == 401) }
        #expect(try stack.post("/logout", ["all": true], token: user.token).status == 204)
        #expect(
            try actions(of: user.id) == [
                "registered", "login", "password_changed", "login", "refresh_reused", "logout_all",
            ])
    }

    @Test func auditsSecondFactors() throws {
        func call(_ method: String, _ target: String, _ body: JSON) throws -> HTTPAnswer {
            try stack.patiently { try stack.send(method, target, body, token: user.token) }
        }
        let begun = try call("POST", "/api/mfa/totp", ["current_password": .string(user.password)])
        let secret = try #require(begun["secret"].stringValue)
        let app = TOTP(secret: try #require(Base32.decode(secret.utf8)))
        let now = Int64(Date().timeIntervalSince1970)
        let confirmed = try call(
            "POST", "/api/mfa/totp/confirm", ["code": .string(app.code(at: now - TOTP.period))])
        let codes = (confirmed["recovery_codes"].arrayValue ?? []).compactMap(\.stringValue)
        try #require(codes.count == 10)
        for _ in 0..<2 { #expect(try login(user.password, otp: "no code").status == 401) }
        #expect(try login(user.password, otp: app.code(at: now)).status == 200)
        #expect(try login(user.password, otp: codes[0]).status == 200)
        #expect(try call("DELETE", "/api/mfa/totp", ["code": "no code"]).status == 403)
        #expect(try call("DELETE", "/api/mfa/totp", ["code": .string(codes[1])]).status == 204)
        #expect(
            try actions(of: user.id).filter { $0 != "code_failed" } == [
                "registered", "login", "factor_set", "login", "recovery_code_used", "login", "recovery_code_used",
                "factor_removed",
            ])
        #expect(try (1...2).contains(entries("subject=\(user.id)&action=code_failed").count))
        let factors = try entries("subject=\(user.id)&action=login").map { $0["detail"]?["factor"] }
        #expect(factors == ["recovery_code", "app", "password"])
    }

    /// One entry per key and day, for any number of requests and processes. Requests with a session write none.
    @Test func auditsAPIKeys() throws {
        let made = try stack.post("/api/keys", ["name": "k", "scopes": ["read"]], token: user.token)
        let (id, key) = (try #require(made["id"].stringValue), try #require(made["key"].stringValue))
        for _ in 0..<10 { #expect(try stack.get("/me", token: key).status == 200) }
        expectProblem(try stack.post("/posts", ["title": "a", "content": ""], token: key), 403)
        let uses = try entries("subject=\(id)&action=key_used")
        // Two if the day ended between them.
        #expect((1...2).contains(uses.count))
        #expect(uses.allSatisfy { $0["actor"] == .string(user.id) && $0["address"] == "127.0.0.1" })
        #expect(try stack.send("DELETE", "/api/keys/\(id)", token: user.token).status == 204)
        #expect(try stack.send("DELETE", "/api/keys/\(id)", token: user.token).status == 404)
        #expect(try actions(of: id).filter { $0 != "key_used" } == ["key_made", "key_ended"])
        expectChallenge(try stack.get("/me", token: key), "token_invalid", "a deleted key is not used")
    }

    @Test func auditsChangesOfUsersByAdmins() throws {
        let draft: JSON = ["username": .string(unique("made")), "password": "long enough", "role": "admin"]
        let made = try stack.patiently { try stack.post("/api/users", draft, token: admin) }
        let id = try #require(made["id"].stringValue)
        #expect(try stack.patiently { try stack.post("/api/users", draft, token: admin) }.status == 409)
        let changes: [JSON] = [
            ["role": "admin", "name": "Ann"], ["role": "client", "disabled": true], ["disabled": true],
            ["disabled": false],
        ]
        for change in changes {
            #expect(try stack.send("PATCH", "/api/users/\(id)", change, token: admin).status == 200)
        }
        #expect(try stack.send("DELETE", "/api/users/\(id)", token: admin).status == 204)
        #expect(
            try actions(of: id) == ["user_made", "role_changed", "user_disabled", "user_enabled", "user_deleted"])
        let items = try entries("subject=\(id)")
        let adminID = try self.id(ofToken: admin)
        #expect(items.allSatisfy { $0["actor"] == adminID })
        #expect(items.last?["detail"] == ["role": "admin"])
        let change = try entries("subject=\(id)&action=role_changed").first
        #expect(change?["detail"] == ["from": "admin", "to": "client"])
    }

    /// On a separate stack, where no other test seals at the same time.
    @Test func concurrentEventsFormOneChain() throws {
        let stack = try Stack()
        let made = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<3 {
                guard let user = try? stack.makeUser(),
                    (try? stack.post("/api/keys", ["name": "k"], token: user.token).status) == 201,
                    (try? stack.post("/logout", ["all": true], token: user.token).status) == 204
                else { continue }
                made.withLock { $0.append(user.id) }
            }
        }
        let users = made.withLock(\.self)
        #expect(users.count == 24)
        let connection = stack.database.connectAsApplication()
        let unsealed = try connection.query("SELECT 1 FROM audit_log WHERE seal IS NULL").count
        #expect(unsealed < 8, "the writers sealed all rows but the last ones")
        let admin = try stack.adminToken()
        for user in users {
            let items = try stack.get("/api/audit?actor=\(user)", token: admin)["items"].arrayValue ?? []
            #expect(items.map { $0["action"] } == ["logout_all", "key_made", "login", "registered"])
            #expect(items.allSatisfy { $0["position"]?.integerValue != nil && $0["seal"]?.stringValue?.count == 64 })
        }
        // The demo accounts' entries, 24 times four, and the admin's login.
        #expect(try AuditLog.verify(on: connection).position == 4 + 96 + 1)
    }

    @Test func requestsSucceedWhenSealingFails() throws {
        let stack = try Stack()
        let owner = stack.database.connect()
        try owner.execute("ALTER FUNCTION seal_audit_log RENAME TO seal_audit_log_away")
        let user = try stack.makeUser()
        #expect(try stack.get("/me", token: user.token).status == 200)
        try stack.waitForLog { stack.log.contains("audit-not-sealed") }
        try owner.execute("ALTER FUNCTION seal_audit_log_away RENAME TO seal_audit_log")
        // The demo accounts' entries, and the user's two.
        #expect(try AuditLog.verify(on: stack.database.connectAsApplication()).position == 4 + 2)
    }

    /// An event and its entry share a transaction: if the entry cannot be written, the event is rolled back.
    @Test func eventsAndEntriesAreAtomic() throws {
        let stack = try Stack()
        let admin = try stack.adminToken()
        let user = try stack.makeUser()
        let owner = stack.database.connect()
        try owner.execute("ALTER TABLE audit_log ADD CONSTRAINT audit_log_full CHECK (false) NOT VALID")
        let account: JSON = ["username": "unheard-of", "password": "long enough"]
        let login: JSON = ["email": .string(user.email), "password": .string(user.password)]
        let calls: [(method: String, target: String, body: JSON?, token: String?)] = [
            ("POST", "/register", account, nil), ("POST", "/login", login, nil),
            ("PATCH", "/api/users/\(user.id)", ["role": "admin"], admin),
            ("PATCH", "/api/users/\(user.id)", ["disabled": true], admin),
            ("DELETE", "/api/users/\(user.id)", nil, admin), ("POST", "/api/keys", ["name": "k"], user.token),
            ("POST", "/logout", ["all": true], user.token),
            (
                "PATCH", "/me", ["password": "another password", "current_password": .string(user.password)],
                user.token
            ),
        ]
        let states: SQL = """
            SELECT (SELECT json_agg(u ORDER BY id) FROM users u)::text, (SELECT count(*) FROM sessions),
                (SELECT count(*) FROM sessions WHERE ended_at IS NULL), (SELECT count(*) FROM api_keys),
                (SELECT count(*) FROM audit_log)
            """
        let before = try owner.query(states).only.decode(String.self, Int.self, Int.self, Int.self, Int.self)
        for (method, target, body, token) in calls {
            let answer = try stack.patiently { try stack.send(method, target, body, token: token) }
            expectProblem(answer, 500, "internal_error", "\(method) \(target)")
        }
        #expect(try owner.query(states).only.decode(String.self, Int.self, Int.self, Int.self, Int.self) == before)
        // If the event is rolled back, so is its entry.
        try owner.execute("ALTER TABLE audit_log DROP CONSTRAINT audit_log_full")
        try owner.execute("ALTER TABLE sessions ADD CONSTRAINT sessions_kept CHECK (ended_at IS NULL) NOT VALID")
        for (method, target, body, token) in calls.dropFirst(3).dropLast() where target != "/api/keys" {
            let answer = try stack.patiently { try stack.send(method, target, body, token: token) }
            expectProblem(answer, 500, "internal_error", "\(method) \(target)")
        }
        #expect(try owner.query(states).only.decode(String.self, Int.self, Int.self, Int.self, Int.self) == before)
    }

    /// No row has a name of a user, nor any credential.
    @Test func entriesHaveNoSecretsAndNoNames() throws {
        let login = try self.login(user.password)
        let key = try stack.post("/api/keys", ["name": "canary of a key"], token: user.token)["key"]
        #expect(try stack.get("/me", token: key.stringValue).status == 200)
        _ = try self.login("canary of a password")
        let agent = [("User-Agent", "canary of an agent")]
        _ = try stack.patiently {
            try stack.post(
                "/login", ["email": .string(user.email), "password": .string(user.password)], headers: agent)
        }
        let rows = try stack.database.connect().query("SELECT a::text FROM audit_log a").map {
            try $0.decode(String.self)
        }
        let secrets = [
            "canary", user.email, user.password, user.token, key.stringValue ?? "", "fm_", "@", "argon2",
            login["refresh_token"].stringValue ?? "",
        ]
        #expect(!rows.isEmpty)
        for secret in secrets {
            #expect(!secret.isEmpty && !rows.contains { $0.contains(secret) }, "\(secret)")
        }
    }
}
