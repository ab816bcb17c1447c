import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Administration of users, which is for admins only.
@Suite struct UsersTests {
    let stack: Stack
    let admin: String
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        admin = try stack.adminToken()
        user = try stack.makeUser()
    }

    @Test func onlyAdminsHaveAccess() throws {
        let calls: [(method: String, target: String, body: JSON?)] = [
            ("GET", "/api/users", nil), ("POST", "/api/users", ["username": "a", "password": "long enough"]),
            ("GET", "/api/users/\(user.id)", nil), ("PATCH", "/api/users/\(user.id)", ["role": "admin"]),
            ("DELETE", "/api/users/\(user.id)", nil),
        ]
        for (method, target, body) in calls {
            expectProblem(try stack.send(method, target, body, token: user.token), 403, nil, "\(method) \(target)")
            expectChallenge(try stack.send(method, target, body), "token_missing", "\(method) \(target)")
        }
    }

    @Test func listsUsersInPages() throws {
        let page = try stack.get("/api/users?limit=2&fields=id,email,disabled", token: admin)
        #expect(page.status == 200)
        let items = try #require(page["items"].arrayValue)
        #expect(items.count == 2)
        #expect(items.allSatisfy { $0.objectValue?.members.map(\.name) == ["id", "email", "disabled"] })
        let cursor = try #require(page["next_cursor"].stringValue)
        let next = try stack.get("/api/users?limit=2&cursor=\(cursor)", token: admin)
        #expect(next["items"].arrayValue?.contains { $0["id"] == items[1]["id"] } == false)
        #expect(next.text.contains("password") == false)
        let admins = try stack.get("/api/users?role=admin", token: admin)["items"].arrayValue ?? []
        #expect(!admins.isEmpty && admins.allSatisfy { $0["role"] == "admin" })
    }

    @Test func createsUsersOfEitherRole() throws {
        for role in ["client", "admin"] {
            let email = unique("made") + "@example.org"
            let draft: JSON = [
                "email": .string(email), "password": "long enough", "role": .string(role), "name": "Ann", "age": 30,
            ]
            let answer = try stack.patiently { try stack.post("/api/users", draft, token: admin) }
            #expect(answer.status == 201, "\(answer.text)")
            #expect(answer["role"] == .string(role))
            #expect(answer["disabled"] == false)
            let location = try #require(answer.headers["location"])
            #expect(try stack.get(location, token: admin).json == answer.json)
            #expect(try stack.get("/me", token: stack.token(email, "long enough"))["role"] == .string(role))
            expectProblem(
                try stack.patiently { try stack.post("/api/users", draft, token: admin) }, 409, "already_registered")
        }
    }

    @Test func idempotencyKeyCreatesOneUser() throws {
        let (email, key) = (unique("once") + "@example.org", unique("key"))
        func make(_ password: JSON) throws -> HTTPAnswer {
            let draft: JSON = ["email": .string(email), "password": password]
            return try stack.patiently {
                try stack.post("/api/users", draft, token: admin, headers: [("Idempotency-Key", key)])
            }
        }
        let first = try make("long enough")
        #expect(first.status == 201, "\(first.text)")
        let again = try make("long enough")
        #expect(again.status == 201 && again.body == first.body)
        #expect(again.headers["idempotency-replayed"] == "true")
        expectProblem(try make("another password"), 422, "idempotency_key_reused")
        // The stored digest of the body must not allow guessing of the password in it.
        let body = (["email": .string(email), "password": "long enough"] as JSON).text
        let isGuessable = try stack.database.connect().query(
            "SELECT body_digest = sha256(convert_to(\(body), 'UTF8')) FROM idempotency_keys WHERE key = \(key)"
        ).only.decode(Bool.self)
        #expect(!isGuessable)
    }

    @Test func roleAppliesFromTheNextRequest() throws {
        let target = "/api/users/\(user.id)"
        #expect(try stack.send("PATCH", target, ["role": "admin"], token: admin)["role"] == "admin")
        #expect(try stack.get("/api/users", token: user.token).status == 200)
        #expect(try stack.send("PATCH", target, ["role": "client"], token: admin)["role"] == "client")
        expectProblem(try stack.get("/api/users", token: user.token), 403)
        #expect(pointers(try stack.send("PATCH", target, ["role": "root"], token: admin)) == ["/role"])
    }

    @Test func disablingAUserEndsItsSessionsPermanently() throws {
        let target = "/api/users/\(user.id)"
        let key = try stack.post("/api/keys", ["name": "k"], token: user.token)["key"].stringValue
        #expect(try stack.get("/me", token: key).status == 200)
        #expect(try stack.send("PATCH", target, ["disabled": true], token: admin)["disabled"] == true)
        expectChallenge(try stack.get("/me", token: user.token), "token_invalid")
        let login: JSON = ["email": .string(user.email), "password": .string(user.password)]
        expectProblem(try stack.patiently { try stack.post("/login", login) }, 401, "invalid_credentials")
        #expect(try stack.send("PATCH", target, ["disabled": false, "name": "Back"], token: admin)["name"] == "Back")
        expectChallenge(try stack.get("/me", token: user.token), "token_invalid")
        #expect(try stack.get("/me", token: stack.token(user.email, user.password))["name"] == "Back")
        expectChallenge(try stack.get("/me", token: key), "token_invalid", "API keys end too")
    }

    @Test func deletedUserIsNotFoundAndItsNameIsFree() throws {
        _ = try stack.post("/posts", ["title": "kept", "content": ""], token: user.token)
        let target = "/api/users/\(user.id)"
        #expect(try stack.send("DELETE", target, token: admin).status == 204)
        expectProblem(try stack.send("DELETE", target, token: admin), 404)
        expectProblem(try stack.get(target, token: admin), 404)
        expectProblem(try stack.send("PATCH", target, ["disabled": false], token: admin), 404)
        expectChallenge(try stack.get("/me", token: user.token), "token_invalid")
        // A worker removes what the user had.
        try eventually("the post is removed") {
            try stack.get("/posts?user_id=\(user.id)", token: admin)["items"] == []
        }
        let account: JSON = ["email": .string(user.email), "password": "long enough"]
        let again = try stack.patiently { try stack.post("/create_user", account) }
        #expect(again.status == 201)
        #expect(again["id"] != .string(user.id))
        #expect(try stack.get("/me", token: stack.token(user.email, "long enough"))["id"] == again["id"])
    }

    @Test(arguments: ["7", "017f22e2-79b0-7cc3-98c4-dc0c0c073990"])
    func unknownUserIsNotFound(id: String) throws {
        for method in ["GET", "PATCH", "DELETE"] {
            let body: JSON? = method == "PATCH" ? [:] : nil
            expectProblem(try stack.send(method, "/api/users/\(id)", body, token: admin), 404)
        }
    }
}

/// On a separate stack, since other tests create admins.
@Suite struct LastAdminTests {
    @Test func lastAdminCannotBeRemoved() throws {
        let stack = try Stack()
        let admin = try stack.adminToken()
        let id = try #require(try stack.get("/me", token: admin)["id"].stringValue)
        let target = "/api/users/\(id)"
        for body in [["role": "client"], ["disabled": true]] as [JSON] {
            expectProblem(try stack.send("PATCH", target, body, token: admin), 409, "last_admin")
        }
        expectProblem(try stack.send("DELETE", target, token: admin), 409, "last_admin")
        #expect(try stack.send("PATCH", target, ["name": "Root"], token: admin)["name"] == "Root")

        let user = try stack.makeUser()
        #expect(try stack.send("PATCH", "/api/users/\(user.id)", ["role": "admin"], token: admin).status == 200)
        #expect(try stack.send("DELETE", target, token: user.token).status == 204)
        expectChallenge(try stack.get("/me", token: admin), "token_invalid")
    }
}
