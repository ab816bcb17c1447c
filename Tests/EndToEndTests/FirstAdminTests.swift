import Dispatch
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

/// The first admin of a new installation, from its settings.
@Suite struct FirstAdminTests {
    let stack: Stack
    let email = unique("first") + "@example.org"

    init() throws { stack = try Stack.shared.get() }

    /// Migrates with the production profile, which has no demo accounts and no published passwords.
    private func migrate(_ email: String, _ password: String?) throws -> CommandResult {
        try stack.command(
            ["migrate"],
            settings: ["CONFIG_TYPE": "production", "ADMIN_EMAIL": email, "ADMIN_PASSWORD": password ?? ""])
    }

    private func isAdmin(_ email: String, _ password: String) throws -> Bool? {
        let answer = try stack.patiently {
            try stack.post("/login", ["email": .string(email), "password": .string(password)])
        }
        guard let token = answer["token"].stringValue else { return nil }
        return try stack.get("/me", token: token)["role"] == "admin"
    }

    @Test func createsTheAdminOnceAndNeverChangesIt() throws {
        let made = try migrate(email, "canary of an admin")
        #expect(made.status == 0)
        #expect(made.output.hasSuffix("the schema is up to date\ncreated the account of ADMIN_EMAIL\n"))
        #expect(try isAdmin(email, "canary of an admin") == true)
        let entries = try stack.database.connect().query(
            """
            SELECT concat(action, ' ', origin, ' ', detail) FROM audit_log a JOIN users u ON u.id = a.subject
            WHERE u.email = \(email) AND action <> 'login'
            """
        ).map { try $0.decode(String.self) }
        #expect(entries == [#"user_made command {"role":"admin"}"#])
        for password in ["canary of another", nil] {
            let again = try migrate(email.uppercased(), password)
            #expect(again.status == 0)
            #expect(again.output.hasSuffix("ADMIN_EMAIL is or was in use; no account created\n"))
            #expect(!(made.output + again.output).contains("canary"))
        }
        #expect(try isAdmin(email, "canary of an admin") == true)
        #expect(try isAdmin(email, "canary of another") == nil)
    }

    @Test func existingUsersAreNotPromoted() throws {
        let user = try stack.makeUser()
        #expect(try migrate(user.email, "another password").status == 0)
        #expect(try isAdmin(user.email, user.password) == false)
    }

    @Test func deletedAdminIsNotCreatedAgain() throws {
        #expect(try migrate(email, "a good password").status == 0)
        let id = try stack.database.connect().query("SELECT id FROM users WHERE email = \(email)").only.decode(
            String.self)
        #expect(try stack.send("DELETE", "/api/users/\(id)", token: stack.adminToken()).status == 204)
        #expect(try migrate(email, "a good password").output.hasSuffix("no account created\n"))
        #expect(try isAdmin(email, "a good password") == nil)
    }

    @Test func concurrentMigrationsCreateOneAdmin() throws {
        let results = Mutex<[CommandResult]>([])
        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            guard let result = try? migrate(email, "a good password") else { return }
            results.withLock { $0.append(result) }
        }
        let all = results.withLock(\.self)
        #expect(all.map(\.status) == [0, 0], "\(all.map(\.output))")
        #expect(all.count { $0.output.contains("created the account") } == 1)
        #expect(try isAdmin(email, "a good password") == true)
    }

    @Test func reportsInvalidSettingsWithoutThePassword() throws {
        let cases: [(email: String, password: String?, message: String)] = [
            (email, nil, "ADMIN_PASSWORD must be set"),
            (email, "adminpass", "ADMIN_PASSWORD must not be the password of the demo profile"),
            (email, "canary", "ADMIN_EMAIL and ADMIN_PASSWORD are not valid: password must be 8 to 1024 bytes long"),
            ("canary@example.org", "canary@example.org", "password must not be the e-mail or username"),
            ("operator", "canary of an admin", "ADMIN_EMAIL and ADMIN_PASSWORD are not valid: email must be an e-mail"),
            (
                "a b@example.org", "canary of an admin",
                "ADMIN_EMAIL and ADMIN_PASSWORD are not valid: email must be an e-mail"
            ),
        ]
        for (email, password, message) in cases {
            let result = try migrate(email, password)
            #expect(result.status == 1 && result.output.contains(message), "\(result.output)")
            #expect(!result.output.contains("canary"))
            #expect(try isAdmin(email, password ?? "") == nil)
        }
    }

    @Test func demoProfileKeepsItsOwnAdmin() throws {
        let other = try stack.command(
            ["migrate"], settings: ["ADMIN_EMAIL": email, "ADMIN_PASSWORD": "a good password"])
        #expect(other.status == 0)
        #expect(try isAdmin(email, "a good password") == true)
        #expect(try isAdmin("defaultadmin@admin.as", "adminpass") == true)
    }
}
