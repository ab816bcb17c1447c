import Crypto
import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing
import Tokens

@testable import App

/// The deletion of accounts by their users and by admins, and the removal of what they had.
@Suite struct AccountRemovalTests {
    private let application: TestApplication
    private let issuerKey: SigningKey

    init() throws {
        let key = try SigningKey(.edDSA, id: "first")
        issuerKey = key
        application = try TestApplication { $0.issuerKeys = try JSONWebKeySet(["keys": [key.jwk]]) }
    }

    private func deleteMe(_ token: String, _ body: JSON? = nil) throws -> HTTPAnswer {
        try application.send("DELETE", "/me", body, token: token)
    }

    private func removeAll() throws {
        while try application.services.engine.storage.fold(on: application.connection) {}
        while try AccountRemoval.removeSome(on: application.connection) {}
    }

    /// Everything that a user can have.
    private func fill(_ user: TestUser) throws {
        func call(_ method: String, _ target: String, _ body: JSON, status: Int) throws -> HTTPAnswer {
            let answer = try application.send(
                method, target, body, token: user.token,
                headers: [("Prefer", "wait=0")] + (method == "POST" ? [("Idempotency-Key", unique("k"))] : []))
            try #require(answer.status == status, "\(target): \(answer.text)")
            return answer
        }
        _ = try call("PUT", "/api/data/a", ["value": [1, 2]], status: 200)
        _ = try call("POST", "/posts", ["title": "a", "content": "b"], status: 201)
        let notified: [String: JSON] = ["on_end": ["url": "https://example.org/"]]
        let workflow = try call("POST", "/api/workflows", .workflow("w", notified), status: 201)
        let path = try #require(workflow.headers["location"])
        _ = try call("POST", "\(path)/execute", [:], status: 202)
        let hook = try application.post(
            "\(path)/hooks", ["signature": ["scheme": "github", "secret": "a-secret-of-github"]], token: user.token)
        #expect(hook.status == 201, "\(hook.text)")
        let open = try application.post("\(path)/hooks", [:], token: user.token)
        let delivery = try application.post(
            "/hooks/\(open["token"].stringValue ?? "")", [:], headers: [("Webhook-Id", "d")])
        #expect(delivery.status == 202, "\(delivery.text)")
        try application.work()
        _ = try call("PUT", "\(path)/schedule", ["cron": "@daily"], status: 200)
        _ = try call("POST", "/flow-manager", .flow([.task("a", "pass"), .task("b", "data.store")]), status: 200)
        _ = try call("POST", "/api/operations/addition/run", ["arguments": [1]], status: 200)
        _ = try call("POST", "/generate_array", ["sentence": "x"], status: 200)
        let prices = try application.send(
            "PATCH", "/api/task-types/approval", ["cost": 2], token: application.adminToken())
        #expect(prices.status == 200)
        // Prices are read once a second.
        try application.connection.execute(
            Ledger.hold(2, of: user.id, execution: UUIDv7.make()))
        let waiting = try call("POST", "/flow-manager", .flow([.task("a", "approval")]), status: 202)
        try application.connection.execute(
            "UPDATE queue SET held = 2 WHERE execution_id = \(optional: waiting["id"].stringValue)::uuid")
        let key = try application.post("/api/keys", ["name": "k"], token: user.token)
        #expect(key.status == 201)
        let credential: JSON = ["name": "c", "value": "long enough", "hosts": ["example.org"]]
        _ = try call("POST", "/api/credentials", credential, status: 201)
        let factor = try application.post(
            "/api/mfa/totp", ["current_password": .string(user.password)], token: user.token)
        #expect(factor.status == 201)
        try application.connection.execute(
            "INSERT INTO recovery_codes (user_id, digest) VALUES (\(user.id), '1'::bytea)")
    }

    /// The tables that still have rows of the user.
    private func tables(of userID: String) throws -> Set<String> {
        while try application.services.engine.storage.fold(on: application.connection) {}
        let owner = application.database.connect()
        let names = try owner.query(
            """
            SELECT c.table_name::text FROM information_schema.columns c
            JOIN information_schema.tables t USING (table_schema, table_name)
            WHERE c.column_name = 'user_id' AND t.table_type = 'BASE TABLE' AND c.table_schema = 'public'
            """
        ).map { try $0.decode(String.self) }
        #expect(names.count > 15)
        return Set(
            try names.filter {
                try !owner.query("SELECT 1 FROM \(unsafeRaw: $0) WHERE user_id = \(userID) LIMIT 1").isEmpty
            })
    }

    @Test func everythingOfADeletedAccountIsRemoved() throws {
        let (user, other) = (try application.makeUser(), try application.makeUser())
        try fill(user)
        try fill(other)
        let kept = try tables(of: other.id)
        #expect(try deleteMe(user.token, ["password": .string(user.password)]).status == 204)
        expectChallenge(try application.get("/me", token: user.token), "token_invalid")
        #expect(try application.count("SELECT count(*) FROM queue WHERE user_id = \(user.id)") == 0)
        #expect(try application.count("SELECT held FROM credits WHERE user_id = \(user.id)") == 0)
        _ = try Ledger.verify(on: application.database.connect())
        let login: JSON = ["email": .string(user.email), "password": .string(user.password)]
        expectProblem(try application.post("/login", login), 401, "invalid_credentials")
        #expect(try application.post("/create_user", login).status == 201, "its e-mail is free")

        try removeAll()
        #expect(try tables(of: user.id) == ["credits", "ledger"])
        #expect(
            try application.count(
                "SELECT count(*) FROM steps s WHERE NOT EXISTS (SELECT FROM executions e WHERE e.id = s.execution_id)")
                == 0)
        let names: SQL = """
            SELECT count(*) FROM users
            WHERE id = \(user.id) AND num_nonnulls(email, username, name, age, password_hash, email_digest) = 0
            """
        #expect(try application.count(names) == 1)
        #expect(
            try application.count("SELECT count(*) FROM audit_log a WHERE a::text LIKE '%' || \(user.email) || '%'")
                == 0)
        let actions = try application.get("/api/audit?subject=\(user.id)", token: application.adminToken())
        #expect(actions["items"].each("action").first == "user_deleted")
        #expect(try tables(of: other.id) == kept)
        #expect(try application.get("/me", token: other.token).status == 200)
    }

    /// Those that an admin has deleted before are not shown, but they are there. Each part is bounded.
    @Test func recordsOfADeletedAccountAreRemoved() throws {
        let (user, other) = (try application.makeUser(), try application.makeUser())
        for id in [user.id, other.id] {
            try application.connection.execute(
                """
                INSERT INTO records (id, user_id, operation, arguments, amount, user_balance, result, execution_id,
                    deleted_at)
                SELECT uuid_v7(), \(id)::uuid, 'addition', '[]', 0, 0, '1', uuid_v7(),
                    CASE WHEN n % 2 = 0 THEN now() END
                FROM generate_series(1, 50) n
                """)
        }
        func count(_ user: TestUser) throws -> Int {
            try application.count("SELECT count(*) FROM records WHERE user_id = \(user.id)")
        }
        let removal: SQL = "SELECT remove_records(\(user.id), 100)"
        #expect(try application.connection.query(removal).only.decode(Int.self) == 0, "the account is not deleted")
        #expect(try deleteMe(user.token, ["password": .string(user.password)]).status == 204)
        var left = 50
        while try AccountRemoval.removeSome(on: application.connection, for: .zero) {
            let now = try count(user)
            #expect((0...AccountRemoval.largeRows).contains(left - now))
            left = now
        }
        #expect(try count(user) == 0 && count(other) == 50)
    }

    /// A worker of an earlier release has finished the removal while this one was deployed: it has hidden the records.
    @Test func recordsThatAnEarlierReleaseHasLeftAreRemoved() throws {
        let users = try (0..<3).map { _ in try application.makeUser() }
        for user in users {
            try application.connection.execute(
                """
                INSERT INTO records (id, user_id, operation, arguments, amount, user_balance, result, execution_id,
                    deleted_at)
                VALUES (uuid_v7(), \(user.id), 'addition', '[]', 0, 0, '1', uuid_v7(), now())
                """)
        }
        let removed = try application.makeUser()
        for id in [users[0].id, users[1].id, removed.id] {
            try application.connection.execute(
                "UPDATE users SET deleted_at = now() - interval '1 hour', removal_due = NULL WHERE id = \(id)")
        }
        try removeAll()
        let owners = try application.connection.query("SELECT user_id FROM records").map { try $0.decode(String.self) }
        #expect(owners == [users[2].id])
        let finished: SQL = "SELECT count(*) FROM users WHERE removal_due = 'infinity'"
        #expect(try application.count(finished) == 3)
        #expect(try !AccountRemoval.removeSome(on: application.connection), "nothing is due any more")
    }

    @Test func thePasswordIsRequired() throws {
        let user = try application.makeUser()
        #expect(pointers(try deleteMe(user.token)) == ["/password"])
        #expect(pointers(try deleteMe(user.token, [:])) == ["/password"])
        expectProblem(try deleteMe(user.token, ["password": "another password"]), 403, "wrong_password")
        let key = try application.post("/api/keys", ["name": "k"], token: user.token)["key"].stringValue ?? ""
        expectProblem(try deleteMe(key, ["password": .string(user.password)]), 403, "forbidden")
        #expect(try application.get("/me", token: user.token).status == 200)
        let admin = try application.adminToken()
        expectProblem(try deleteMe(admin, ["password": "adminpass"]), 409, "last_admin")
        #expect(try deleteMe(user.token, ["password": .string(user.password)]).status == 204)
    }

    private func externalToken(_ subject: String, age: Int64 = 0) -> String {
        let now = application.clock.now
        return issuerKey.token([
            "iss": .string(TestServices.issuerName), "sub": .string(subject), "aud": "api", "iat": .integer(now - age),
            "exp": .integer(now + 300),
        ])
    }

    @Test func accountsWithoutAPasswordNeedAFreshToken() throws {
        let id = try #require(try application.get("/me", token: externalToken("eve"))["id"].stringValue)
        expectProblem(try deleteMe(externalToken("eve", age: 301)), 403, "login_not_recent")
        #expect(try deleteMe(externalToken("eve", age: 200)).status == 204)
        for _ in 1...2 {
            expectChallenge(try application.get("/me", token: externalToken("eve")), "token_invalid")
            try removeAll()
        }
        let admin = try application.adminToken()
        let blocked = try application.get("/api/identities", token: admin)["items"]
        #expect(blocked.each("id") == [.string(id)] && blocked.each("subject") == ["eve"])
        #expect(try application.send("DELETE", "/api/identities/\(id)", token: admin).status == 204)
        expectProblem(try application.send("DELETE", "/api/identities/\(id)", token: admin), 404)
        let again = try application.get("/me", token: externalToken("eve"))["id"]
        #expect(again.stringValue != nil && again != .string(id))
        let guest = try #require(try application.post("/api/guests", [:], from: "192.0.2.9")["token"].stringValue)
        application.clock.advance(by: 299)
        #expect(try deleteMe(guest).status == 204)
        expectChallenge(try application.get("/me", token: guest), "token_invalid")
    }

    @Test func adminsDeleteAccountsInTheSameWay() throws {
        let user = try application.makeUser()
        try fill(user)
        let admin = try application.adminToken()
        #expect(try application.send("DELETE", "/api/users/\(user.id)", token: admin).status == 204)
        try removeAll()
        #expect(try tables(of: user.id) == ["credits", "ledger"])
    }

    /// Each part is bounded, and the account is looked at again when no call can be in flight any more.
    @Test func aBigAccountIsRemovedInParts() throws {
        let user = try application.makeUser()
        try application.connection.pipeline([
            """
            INSERT INTO executions (id, user_id, flow, input, status, created_at)
            SELECT uuid_v7(), \(user.id)::uuid, '{}', '1', 'completed', now() FROM generate_series(1, 300)
            """,
            """
            INSERT INTO steps (execution_id, seq, task, type, status, attempt, started_us, duration_us)
            SELECT id, n, 'a', 'pass', 'success', 1, 0, 0 FROM executions, generate_series(1, 5) n
            """,
        ])
        #expect(try deleteMe(user.token, ["password": .string(user.password)]).status == 204)
        var (count, parts) = (300, 0)
        while count > 0, parts < 100 {
            #expect(try AccountRemoval.removeSome(on: application.connection, for: .zero))
            let left = try application.count("SELECT count(*) FROM executions")
            #expect((0...AccountRemoval.largeRows).contains(count - left))
            (count, parts) = (left, parts + 1)
        }
        try removeAll()
        let due: SQL = "SELECT count(*) FROM users WHERE id = \(user.id) AND removal_due > now()"
        #expect(try application.count(due) == 1)
        // A call that was in flight.
        try application.connection.execute(
            "INSERT INTO documents (user_id, name, value) VALUES (\(user.id), 'late', '1')")
        try application.connection.execute(
            """
            UPDATE users SET deleted_at = now() - interval '1 hour', removal_due = now() WHERE id = \(user.id)
            """)
        try removeAll()
        #expect(try tables(of: user.id) == ["credits", "ledger"])
        #expect(try application.count("SELECT count(*) FROM users WHERE removal_due < 'infinity'") == 0)
    }

    /// A worker that executes a run of the account writes nothing any more.
    @Test func runsOfADeletedAccountEnd() throws {
        let user = try application.makeUser()
        let run = try application.post(
            "/flow-manager", .flow([.task("a", "data.store")]), token: user.token,
            headers: [("Prefer", "respond-async")])
        #expect(run.status == 202)
        let claim = try #require(try application.services.engine.claim(on: application.connection))
        #expect(try deleteMe(user.token, ["password": .string(user.password)]).status == 204)
        let outcome = try application.services.engine.execute(claim, on: application.connection, Cancellation())
        guard case .lost = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(try application.count("SELECT count(*) FROM documents") == 0)
    }

    @Test func theEmailNeedsThePassword() throws {
        let (user, other) = (try application.makeUser(), try application.makeUser())
        func change(_ body: JSON) throws -> HTTPAnswer {
            try application.send("PATCH", "/me", body, token: user.token)
        }
        let email = JSON.string(unique("new") + "@example.org")
        #expect(pointers(try change(["email": email])) == ["/current_password"])
        expectProblem(try change(["email": email, "current_password": "another"]), 403, "wrong_password")
        let proof = JSON.string(user.password)
        #expect(pointers(try change(["email": "no e-mail", "current_password": proof])) == ["/email"])
        expectProblem(
            try change(["email": .string(other.email.uppercased()), "current_password": proof]), 409,
            "already_registered")
        #expect(try application.get("/me", token: user.token)["email"] == .string(user.email))
        let changed = try change(["email": email, "current_password": proof, "name": "Ann"])
        #expect(changed.status == 200 && changed["email"] == email && changed["name"] == "Ann")
        #expect(try application.token(email.stringValue ?? "", user.password) != "")
        expectProblem(
            try application.post("/login", ["email": .string(user.email), "password": proof]), 401,
            "invalid_credentials")
        let audit = try application.get(
            "/api/audit?subject=\(user.id)&action=email_changed", token: application.adminToken())["items"]
        #expect(audit.arrayValue?.count == 1 && audit.each("actor") == [.string(user.id)])
        #expect(!audit.text.contains("@"))
        let same = try change(["password": email, "email": email, "current_password": proof])
        #expect(pointers(same) == ["/password"])
    }
}
