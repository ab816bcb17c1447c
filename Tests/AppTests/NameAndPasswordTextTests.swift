import Crypto
import JSON
import Postgres
import TestSupport
import Testing
import Tokens

@testable import App

/// New names look different if they are different; passwords are the same however they are composed. Accounts from
/// before these rules still log in.
@Suite struct NameAndPasswordTextTests {
    private let application: TestApplication

    init() throws { application = try TestApplication() }

    /// Stores an account as an earlier version did.
    private func insert(email: String? = nil, username: String? = nil, password: String) throws {
        try application.connection.execute(
            """
            INSERT INTO users (id, email, username, role, password_hash)
            VALUES (\(UUIDv7.make()), \(optional: email), \(optional: username), 'client',
                \(application.services.passwords.hash(Array(password.utf8))))
            """)
    }

    private func logIn(_ field: String, _ name: String, _ password: String) throws -> Int {
        let body = JSON.object(
            JSONObject([.init(name: field, value: .string(name)), .init(name: "password", value: .string(password))]))
        return try application.post("/login", body).status
    }

    @Test(arguments: ["\u{200B}", "\u{2800}", "\u{FE0F}", "\u{34F}", "\u{3164}", "\u{AD}", "\u{B7}", "\u{FB01}"])
    func lookAlikesAreNotRegisteredButStillLogIn(scalar: String) throws {
        for body: JSON in [
            ["username": .string("ann\(scalar)"), "password": "long enough"],
            ["email": .string("ann\(scalar)@example.org"), "password": "long enough"],
            ["username": .string("ann\(scalar)@example.org"), "password": "long enough"],
        ] {
            let answer = try application.post("/register", body)
            expectProblem(answer, 422, "validation_failed")
            #expect(pointers(answer) == ["/\(body.names[0])"])
        }
        // Nor does a login create such an account.
        #expect(try logIn("email", "ann\(scalar)@example.org", "long enough") == 401)
        try insert(email: "ann\(scalar)@example.org", username: "ann\(scalar)", password: "long enough")
        #expect(try logIn("username", "ANN\(scalar)", "long enough") == 200)
        #expect(try logIn("email", "ann\(scalar)@example.org", "long enough") == 200)
        #expect(try logIn("username", "ann", "long enough") == 401)
    }

    @Test func fullwidthNamesAreThoseOfASCII() throws {
        let answer = try application.post("/register", ["username": "\u{FF21}nn1", "password": "long enough"])
        #expect(answer.status == 200 && answer["user"]["username"] == "Ann1")
        for name in ["ann1", "\u{FF41}\u{FF4E}\u{FF4E}\u{FF11}"] {
            #expect(try logIn("username", name, "long enough") == 200)
            expectProblem(
                try application.post("/register", ["username": .string(name), "password": "long enough"]), 409,
                "already_registered")
        }
        // An account from before with that name is found first.
        try insert(username: "\u{FF41}\u{FF4E}\u{FF4E}1", password: "another one")
        #expect(try logIn("username", "\u{FF41}\u{FF4E}\u{FF4E}1", "another one") == 200)
        #expect(try logIn("username", "ann1", "long enough") == 200)
    }

    /// The letter becomes two when it is composed.
    @Test func aNameIsMeasuredAsItIsStored() throws {
        for (count, status) in [(127, 200), (128, 422)] {
            let name = String(repeating: "\u{958}", count: count)
            let answer = try application.post("/register", ["username": .string(name), "password": "long enough"])
            #expect(answer.status == status, "\(answer.text)")
            if status == 422 { #expect(pointers(answer) == ["/username"]) }
        }
    }

    @Test func passwordsAreTheSameHoweverTheyAreComposed() throws {
        let (composed, decomposed) = ("p\u{E4}ssw\u{F6}rter", "pa\u{308}sswo\u{308}rter")
        for (name, password) in [("ann", composed), ("bob", decomposed)] {
            let body: JSON = ["username": .string(name), "password": .string(password)]
            #expect(try application.post("/register", body).status == 200)
            #expect(try logIn("username", name, composed) == 200)
            #expect(try logIn("username", name, decomposed) == 200)
            #expect(try logIn("username", name, "passworter") == 401)
        }
    }

    @Test func aHashOfTheBytesAsSentIsReplaced() throws {
        let (composed, decomposed) = ("p\u{E4}ssw\u{F6}rter", "pa\u{308}sswo\u{308}rter")
        try insert(username: "ann", password: decomposed)
        let hash = { try application.count("SELECT hashtext(password_hash) FROM users WHERE username = 'ann'") }
        let first = try hash()
        #expect(try logIn("username", "ann", composed) == 401)
        #expect(try hash() == first)
        #expect(try logIn("username", "ann", decomposed) == 200)
        let second = try hash()
        #expect(second != first)
        #expect(try logIn("username", "ann", decomposed) == 200)
        #expect(try logIn("username", "ann", composed) == 200)
        #expect(try hash() == second)
    }

    @Test func aPasswordIsMeasuredAsItIsHashed() throws {
        let short: JSON = ["username": "ann", "password": "e\u{301}e\u{301}e\u{301}"]
        expectProblem(try application.post("/register", short), 422, "validation_failed")
        let name: JSON = ["username": "\u{E4}nnchen", "password": "a\u{308}nnchen"]
        #expect(pointers(try application.post("/register", name)) == ["/password"])
    }

    @Test func anIssuersEmailIsStoredInTheSameForm() throws {
        let key = try SigningKey(.edDSA, id: "first")
        let application = try TestApplication { $0.issuerKeys = try JSONWebKeySet(["keys": [key.jwk]]) }
        func email(of subject: String, _ email: String) throws -> JSON {
            let now = application.clock.now
            let token = key.token([
                "iss": .string(TestServices.issuerName), "sub": .string(subject), "aud": "api", "iat": .integer(now),
                "exp": .integer(now + 300), "email": .string(email), "email_verified": true,
            ])
            return try application.get("/me", token: token)["email"]
        }
        #expect(try email(of: "ann", "\u{FF21}nn@example.org") == "Ann@example.org")
        #expect(try email(of: "eve", "\u{FF41}nn@example.org") == .null, "the e-mail is taken")
        #expect(try email(of: "bob", "bob\u{200B}@example.org") == .null)
        #expect(try email(of: "zoe", "zoe\u{308}@example.org") == "zo\u{EB}@example.org")
    }
}
