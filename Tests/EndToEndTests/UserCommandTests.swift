import Foundation
import HTTP
import JSON
import System
import TestSupport
import Testing
import Tokens

/// `flow-manager user` in a shell.
@Suite struct UserCommandTests {
    let stack: Stack

    init() throws { stack = try Stack.shared.get() }

    /// The standard output and standard error of the command.
    private func user(_ arguments: String, input: String = "") throws -> String {
        let output = stack.folder + "/" + unique("output")
        var environment = Environment.current
        environment["DATABASE_URL"] = stack.database.application.connectionString
        environment["PASSWORD_INPUT"] = input
        try run(
            "/bin/sh",
            ["-c", "printf '%s' \"$PASSWORD_INPUT\" | \(Stack.executable) user \(arguments) >\(output) 2>&1 || true"],
            environment)
        return String(decoding: try Files.read(output), as: UTF8.self)
    }

    @Test func createsAnAdminWhoCanLogIn() throws {
        let email = unique("operator") + "@example.org"
        #expect(try user("add \(email) --admin", input: "long enough\n") == "created the admin \(email)\n")
        let token = try stack.token(email, "long enough")
        #expect(try stack.get("/me", token: token)["role"] == "admin")
        #expect(try user("list").contains("admin  \(email)\n"))
        #expect(try user("add \(email.uppercased())", input: "long enough") == "flow-manager user: the name is taken\n")
    }

    @Test func changesUsers() throws {
        let name = unique("operated")
        #expect(try user("add \(name)", input: "long enough") == "created the user \(name)\n")
        let token = try stack.token(name, "long enough")
        #expect(try user("grant-admin \(name)") == "made the user \(name) an admin\n")
        #expect(try stack.get("/me", token: token)["role"] == "admin")
        let key = try stack.post("/api/keys", ["name": "k"], token: token)["key"].stringValue
        let reset = try user("reset-password \(name.uppercased())", input: "another password\n")
        #expect(
            reset == "set the password of the user \(name.uppercased()), and ended the user's sessions and API keys\n")
        expectChallenge(try stack.get("/me", token: key), "token_invalid")
        expectChallenge(try stack.get("/me", token: token), "token_invalid")
        #expect(try stack.get("/me", token: stack.token(name, "another password")).status == 200)
        #expect(try user("disable \(name)") == "disabled the user \(name)\n")
        let login: JSON = ["username": .string(name), "password": "another password"]
        #expect(try stack.patiently { try stack.post("/login", login) }.status == 401)
        #expect(try user("list").contains("\(name)  disabled\n"))
        #expect(try user("enable \(name)") == "enabled the user \(name)\n")
        #expect(try stack.get("/me", token: stack.token(name, "another password")).status == 200)
    }

    @Test func removesASecondFactor() throws {
        let user = try stack.makeUser()
        let enrolment = try stack.patiently {
            try stack.post("/api/mfa/totp", ["current_password": .string(user.password)], token: user.token)
        }
        let app = TOTP(secret: try #require(Base32.decode((enrolment["secret"].stringValue ?? "").utf8)))
        let code = app.code(at: Int64(Date().timeIntervalSince1970))
        #expect(try stack.post("/api/mfa/totp/confirm", ["code": .string(code)], token: user.token).status == 200)
        let login: JSON = ["email": .string(user.email), "password": .string(user.password)]
        let refused = try stack.patiently { try stack.post("/login", login) }
        #expect(refused["code"] == "otp_required")
        let removed = try self.user("remove-factor \(user.email)")
        #expect(removed == "removed the second factor of the user \(user.email)\n")
        #expect(try stack.patiently { try stack.post("/login", login) }.status == 200)
        let repeated = try self.user("remove-factor \(user.email)")
        #expect(repeated == "flow-manager user: the user has no second factor\n")
    }

    @Test func invalidCommandsPrintTheReason() throws {
        let cases: [(arguments: String, input: String, message: String)] = [
            ("add \(unique("name"))", "short", "password must be 8 to 1024 bytes long"),
            ("add \(unique("name"))", "Sunshine", "password is too common"),
            ("reset-password user1", "12345678", "password is too common"),
            ("add \(unique("name"))", "", "no password on standard input"),
            ("add 'two words'", "long enough", "username must consist of letters, digits and ASCII symbols"),
            ("disable nobody", "", "there is no user of that name"),
            ("reset-password nobody@example.org", "long enough", "there is no user of that name"),
            ("", "", "usage: flow-manager user "), ("add", "", "usage: flow-manager user "),
            ("add a password", "", "usage: flow-manager user "), ("drop a", "", "usage: flow-manager user "),
        ]
        for (arguments, input, message) in cases {
            #expect(try user(arguments, input: input).hasPrefix("flow-manager user: \(message)"), "\(arguments)")
        }
    }
}
