import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// A user's sessions, and changes of the user's own account.
@Suite struct SessionsTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    @Test func listsAndEndsTheCallersSessions() throws {
        let agent = String(repeating: "é", count: 300)
        let (stack, user) = (stack, user)
        let other = try stack.patiently {
            try stack.post(
                "/login", ["email": .string(user.email), "password": .string(user.password)],
                headers: [("User-Agent", agent)])
        }
        let list = try stack.get("/api/sessions?sort=created_at", token: user.token)
        let items = try #require(list["items"].arrayValue)
        #expect(items.map { $0["current"] } == [true, false])
        #expect(items[0]["address"] == "127.0.0.1")
        #expect(items[1]["agent"] == .string(String(agent.prefix(200))))
        #expect(items.allSatisfy { $0["last_used_at"] == $0["created_at"] })

        let id = try #require(items[1]["id"]?.stringValue)
        let stranger = try stack.makeUser()
        expectProblem(try stack.send("DELETE", "/api/sessions/\(id)", token: stranger.token), 404)
        #expect(try stack.send("DELETE", "/api/sessions/\(id)", token: user.token).status == 204)
        expectProblem(try stack.send("DELETE", "/api/sessions/\(id)", token: user.token), 404)
        expectChallenge(try stack.get("/me", token: other["token"].stringValue), "token_invalid")
        #expect(try stack.get("/api/sessions", token: user.token)["items"].arrayValue?.count == 1)
    }

    @Test func changesTheName() throws {
        let answer = try stack.send("PATCH", "/me", ["name": "Ann"], token: user.token)
        #expect(answer.status == 200)
        #expect(answer["name"] == "Ann")
        #expect(try stack.get("/me", token: user.token).json == answer.json)
        #expect(try stack.send("PATCH", "/me", ["name": nil], token: user.token)["name"] == .null)
        #expect(try stack.send("PATCH", "/me", [:], token: user.token)["email"] == .string(user.email))
        for field in ["role", "disabled", "credits"] {
            let body = JSON.object(JSONObject([.init(name: field, value: "admin")]))
            #expect(pointers(try stack.send("PATCH", "/me", body, token: user.token)) == ["/\(field)"])
        }
    }

    @Test func passwordChangeEndsAllOtherSessions() throws {
        let other = try stack.token(user.email, user.password)
        let change: JSON = ["password": "another password", "current_password": .string(user.password)]
        #expect(try stack.patiently { try stack.send("PATCH", "/me", change, token: user.token) }.status == 200)
        #expect(try stack.get("/me", token: user.token).status == 200)
        expectChallenge(try stack.get("/me", token: other), "token_invalid")
        #expect(try stack.get("/me", token: stack.token(user.email, "another password")).status == 200)
        let old: JSON = ["email": .string(user.email), "password": .string(user.password)]
        expectProblem(try stack.patiently { try stack.post("/login", old) }, 401, "invalid_credentials")
    }

    @Test func passwordChangeNeedsTheCurrentPassword() throws {
        let cases: [(body: JSON, status: Int, code: String, pointers: [String])] = [
            (["password": "another password"], 422, "validation_failed", ["/current_password"]),
            (["password": "another password", "current_password": "wrong"], 403, "wrong_password", []),
            (
                ["password": "short", "current_password": .string(user.password)], 422, "validation_failed",
                ["/password"]
            ),
            (
                ["password": .string(user.email), "current_password": .string(user.password)], 422, "validation_failed",
                ["/password"]
            ),
        ]
        for (body, status, code, expected) in cases {
            let answer = try stack.patiently { try stack.send("PATCH", "/me", body, token: user.token) }
            expectProblem(answer, status, code)
            #expect(pointers(answer) == expected)
        }
        #expect(try stack.token(user.email, user.password).isEmpty == false)
    }
}

/// Logins on stacks with `LOGIN_CREATES_ACCOUNT=on`.
@Suite struct LoginCreatesAccountTests {
    @Test func firstLoginWithAnUnknownEmailCreatesAnAccount() throws {
        let stack = try Stack(settings: ["LOGIN_CREATES_ACCOUNT": "on"])
        func login(_ name: String, _ password: String) throws -> HTTPAnswer {
            try stack.patiently {
                try stack.post("/login", ["username": .string(name), "password": .string(password)])
            }
        }
        let email = unique("first") + "@example.org"
        let first = try login(email, "long enough")
        #expect(first["created"] == true, "\(first.text)")
        #expect(try stack.get("/me", token: first["token"].stringValue)["email"] == .string(email))
        #expect(try login(email, "long enough")["created"] == false)
        for (name, password) in [
            (email, "the wrong one"), (unique("name"), "long enough"), (unique("new") + "@example.org", "short"),
            ("no e-mail@", "long enough"),
        ] {
            expectProblem(try login(name, password), 401, "invalid_credentials")
        }
        try stack.database.connect().execute("UPDATE users SET disabled_at = now() WHERE email = \(email)")
        expectProblem(try login(email, "long enough"), 401, "invalid_credentials")
    }

    /// Of concurrent first logins, one creates the account, and all succeed.
    @Test func concurrentFirstLoginsCreateOneAccount() throws {
        let stack = try Stack(settings: ["LOGIN_CREATES_ACCOUNT": "on"])
        let email = unique("first") + "@example.org"
        let bodies: [JSON] = [email, email.uppercased(), email].map {
            ["email": .string($0), "password": "long enough"]
        }
        // Some may find all password hashing slots occupied.
        let answers = try stack.post("/login", atOnce: bodies).filter { $0.status != 503 }
        #expect(answers.allSatisfy { $0.status == 200 })
        #expect(answers.count { $0["created"] == true } == 1)
        let users = try answers.map { try stack.get("/me", token: $0["token"].stringValue)["id"] }
        #expect(Set(users).count == 1)
    }
}
