import HTTP
import JSON
import TestSupport
import Testing

/// Creating accounts, and the rules for their names and passwords.
@Suite struct AccountsTests {
    let stack: Stack

    init() throws { stack = try Stack.shared.get() }

    @Test func registersByUsernameByEmailOrBoth() throws {
        let (name, email) = (unique("name"), unique("Post") + "@Example.org")
        let cases: [(body: JSON, username: String?, email: String?)] = [
            (["username": .string(name)], name, nil),
            (["email": .string(email), "name": "Ann"], nil, email),
            (["username": .string(name + "b"), "email": .string("b" + email)], name + "b", "b" + email),
            (["username": .string("c" + email)], nil, "c" + email),
        ]
        for (body, username, email) in cases {
            var account = try #require(body.objectValue)
            account["password"] = "long enough"
            let answer = try register(.object(account))
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer["message"] == "User registered successfully")
            #expect(answer["user"]["username"] == JSON(username))
            #expect(answer["user"]["email"] == JSON(email))
            #expect(answer["user"]["name"] == (body["name"] ?? .null))
            #expect(answer["user"]["role"] == "client")
            for login in [username, email].compactMap(\.self) {
                let token = try stack.token(login.uppercased(), "long enough")
                #expect(try ownAccount(token) == answer["user"])
            }
        }
    }

    /// The account in `/me`, without the members that only `/me` has.
    private func ownAccount(_ token: String) throws -> JSON {
        var profile = try stack.get("/me", token: token).json.objectValue ?? JSONObject()
        profile["credits"] = nil
        profile["storage"] = nil
        return .object(profile)
    }

    @Test func reportsEveryInvalidFieldOfARegistration() throws {
        let cases: [(body: JSON, pointers: [String])] = [
            (["password": "long enough"], ["/email"]),
            (["username": "a@example.org", "email": "b@example.org", "password": "long enough"], ["/username"]),
            (["username": "not@an@email", "password": "long enough"], ["/username"]),
            (["username": "two words", "password": "long enough"], ["/username"]),
            (["username": "line\nfeed", "password": "long enough"], ["/username"]),
            (["username": "", "password": "long enough"], ["/username"]),
            (["email": "nobody", "password": "long enough"], ["/email"]),
            (["email": .null, "password": 12_345_678], ["/email", "/password"]),
            (["username": "two words", "password": "short"], ["/username", "/password"]),
            (["username": .string(unique("name"))], ["/password"]),
        ]
        for (body, expected) in cases {
            let answer = try register(body)
            expectProblem(answer, 422, "validation_failed", body.text)
            #expect(pointers(answer) == expected, "\(body.text)")
        }
    }

    /// Fields that a client may not set are rejected, not ignored (OWASP API3:2023).
    @Test(arguments: ["role", "is_admin", "user_id", "credits", "password_hash", "disabled_at"])
    func rejectsFieldsThatClientsMayNotSet(field: String) throws {
        for path in ["/register", "/create_user"] {
            let email = unique("mass") + "@example.org"
            let body = JSONObject([
                .init(name: "email", value: .string(email)), .init(name: "password", value: "long enough"),
                .init(name: field, value: "admin"),
            ])
            let answer = try stack.post(path, .object(body))
            expectProblem(answer, 422)
            #expect(pointers(answer) == ["/\(field)"])
            let login: JSON = ["email": .string(email), "password": "long enough"]
            #expect(try stack.patiently { try stack.post("/login", login) }.status == 401)
        }
    }

    @Test func createUserReturnsALocation() throws {
        let email = unique("new") + "@example.org"
        let body: JSON = ["email": .string(email), "password": "long enough", "name": "Bob", "age": 42]
        let answer = try stack.patiently { try stack.post("/create_user", body) }
        #expect(answer.status == 201)
        #expect(answer.headers["location"] == "/me")
        #expect(answer["email"] == .string(email))
        #expect(answer["name"] == "Bob")
        #expect(answer["age"] == 42)
        #expect(answer["role"] == "client")
        #expect(try ownAccount(stack.token(email, "long enough")) == answer.json)
        for age in [-1, 151, 4.5, "42"] as [JSON] {
            let answer = try stack.post(
                "/create_user", ["email": .string(email), "password": "long enough", "age": age])
            #expect(pointers(answer) == ["/age"])
        }
    }

    @Test func namesAreUniqueRegardlessOfCase() throws {
        let (email, name) = (unique("taken") + "@example.org", unique("taken"))
        let account: JSON = ["email": .string(email), "username": .string(name), "password": "long enough"]
        #expect(try register(account).status == 200)
        let upper: [JSON] = [
            ["email": .string(email.uppercased())], ["username": .string(email.uppercased())],
            ["username": .string(name.uppercased())],
        ]
        for name in upper {
            var body = try #require(name.objectValue)
            body["password"] = "another password"
            let paths = body["username"] == nil ? ["/register", "/create_user"] : ["/register"]
            for path in paths {
                let answer = try stack.patiently { try stack.post(path, .object(body)) }
                expectProblem(answer, 409, "already_registered")
                #expect(answer["message"] == "User registered already, Please login")
            }
        }
    }

    @Test func namesAreUniqueRegardlessOfNormalization() throws {
        let name = unique("é")
        // Composed and decomposed, in both cases, of Latin, Greek and Cyrillic.
        let spellings = [name, name.replacing("é", with: "e\u{301}"), name.replacing("é", with: "É")]
        let first: JSON = ["username": .string("ωд" + spellings[0]), "password": "long enough"]
        #expect(try stack.patiently { try stack.post("/register", first) }.status == 200)
        for spelling in spellings {
            let username = "ΩД" + spelling
            let second: JSON = ["username": .string(username), "password": "long enough"]
            expectProblem(try stack.patiently { try stack.post("/register", second) }, 409, "already_registered")
            _ = try stack.token(username, "long enough")
        }
    }

    @Test func rejectsInvisibleCharactersInNames() throws {
        for scalar in ["\u{202E}", "\u{200B}", "\u{2066}", "\u{FEFF}", "\u{3164}"] {
            for (field, name) in [("username", unique("a") + scalar), ("email", scalar + unique("a") + "@example.org")]
            {
                let members = [(field, name), ("password", "long enough")]
                let body = JSON.object(JSONObject(members.map { .init(name: $0.0, value: .string($0.1)) }))
                expectProblem(try stack.post("/register", body), 422, "validation_failed")
            }
        }
    }

    @Test func acceptsPasswordsOf8To1024Bytes() throws {
        let email = unique("self") + "@example.org"
        let cases: [(password: String, status: Int)] = [
            ("1234567", 422), ("1234567x", 200), ("1234\u{0}678", 422), ("pass word", 200), ("😀😀", 200), ("éééé", 200),
            (String(repeating: "x", count: 64), 200), (String(repeating: "x", count: 1024), 200),
            (String(repeating: "x", count: 1025), 422), (String(repeating: "é", count: 513), 422),
            (email, 422), (email.uppercased(), 422),
        ]
        for (number, (password, status)) in cases.enumerated() {
            let login = password.contains("@") ? email : "\(number)" + email
            let answer = try register(["email": .string(login), "password": .string(password)])
            #expect(answer.status == status, "password \(number): \(answer.text)")
            if status == 200 {
                _ = try stack.token(login, password)
                let other: JSON = ["email": .string(login), "password": .string(password + " ")]
                // A password with more characters than the limit is rejected before it is compared.
                let refusal = password.unicodeScalars.count < 1_024 ? 401 : 422
                #expect(try stack.patiently { try stack.post("/login", other) }.status == refusal)
            } else {
                #expect(pointers(answer) == ["/password"])
                #expect(!answer.text.contains(password))
            }
        }
        let megabyte = String(repeating: "x", count: 1 << 20)
        expectProblem(try register(["email": .string(email), "password": .string(megabyte)]), 413)
    }

    /// On every endpoint that sets a password. Only the demo accounts have such passwords.
    @Test func rejectsCommonPasswords() throws {
        let admin = try stack.adminToken()
        let user = try stack.makeUser()
        let calls: [(method: String, target: String, token: String?)] = [
            ("POST", "/register", nil), ("POST", "/create_user", nil), ("POST", "/api/users", admin),
            ("PATCH", "/me", user.token),
        ]
        for password in ["12345678", "Password1", "QWERTYUIOP"] {
            for (method, target, token) in calls {
                let body: JSON =
                    method == "PATCH"
                    ? ["password": .string(password), "current_password": .string(user.password)]
                    : ["email": .string(unique("common") + "@example.org"), "password": .string(password)]
                let answer = try stack.patiently { try stack.send(method, target, body, token: token) }
                expectProblem(answer, 422, "validation_failed", "\(method) \(target)")
                #expect(answer["errors"] == [["pointer": "/password", "message": "is too common"]])
            }
        }
    }

    private func register(_ body: JSON) throws -> HTTPAnswer {
        try stack.patiently { try stack.post("/register", body) }
    }
}
