import Crypto
import Dispatch
import Foundation
import HTTP
import JSON
import Postgres
import SharedMemory
import Synchronization
import TestSupport
import Testing
import Tokens

/// Logging in with an authenticator app.
@Suite struct SecondFactorTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private var now: Int64 { Int64(Date().timeIntervalSince1970) }

    private func call(_ method: String, _ target: String, _ body: JSON) throws -> HTTPAnswer {
        try stack.patiently { try stack.send(method, target, body, token: user.token) }
    }

    private func begin() throws -> TOTP {
        let answer = try call("POST", "/api/mfa/totp", ["current_password": .string(user.password)])
        #expect(answer.status == 201, "\(answer.text)")
        let secret = try #require(answer["secret"].stringValue)
        #expect(answer["uri"].stringValue?.contains("secret=\(secret)") == true)
        return TOTP(secret: try #require(Base32.decode(secret.utf8)))
    }

    /// Activates an authenticator app and returns it with its recovery codes. It is confirmed with the code of the
    /// previous period, so that the current one is unused.
    private func enrol() throws -> (app: TOTP, codes: [String]) {
        let app = try begin()
        let answer = try call("POST", "/api/mfa/totp/confirm", ["code": .string(app.code(at: now - TOTP.period))])
        #expect(answer.status == 200, "\(answer.text)")
        let codes = (answer["recovery_codes"].arrayValue ?? []).compactMap(\.stringValue)
        #expect(codes.count == 10)
        return (app, codes)
    }

    private func login(_ code: String? = nil, password: String? = nil) throws -> HTTPAnswer {
        var body = JSONObject([
            .init(name: "email", value: .string(user.email)),
            .init(name: "password", value: .string(password ?? user.password)),
        ])
        body["otp"] = code.map(JSON.string)
        return try stack.patiently { try stack.post("/login", .object(body)) }
    }

    @Test func loginNeedsACodeAfterConfirmation() throws {
        let app = try begin()
        #expect(try login().status == 200, "not active yet")
        expectProblem(try call("POST", "/api/mfa/totp/confirm", ["code": "000 000x"]), 403, "wrong_code")
        let confirmed = try call("POST", "/api/mfa/totp/confirm", ["code": .string(app.code(at: now - TOTP.period))])
        #expect(confirmed.status == 200)
        expectProblem(try login(), 401, "otp_required")
        expectProblem(try login(password: "the wrong one"), 401, "invalid_credentials")
        expectProblem(try login("12345"), 401, "otp_invalid")
        let code = app.code(at: now)
        let answer = try login(code.prefix(3) + " " + code.suffix(3))
        #expect(answer.status == 200)
        #expect(try stack.get("/me", token: answer["token"].stringValue)["id"] == .string(user.id))
        expectProblem(try call("POST", "/api/mfa/totp/confirm", ["code": .string(code)]), 409, "nothing_to_confirm")
        expectProblem(
            try call("POST", "/api/mfa/totp", ["current_password": .string(user.password)]), 409,
            "second_factor_active")
    }

    @Test func concurrentLoginsUseACodeOnce() throws {
        let (app, _) = try enrol()
        let code = app.code(at: now)
        let statuses = Mutex<[Int]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            guard let status = try? login(code).status else { return }
            statuses.withLock { $0.append(status) }
        }
        #expect(statuses.withLock(\.self).sorted() == [200] + Array(repeating: 401, count: 7))
        expectProblem(try login(app.code(at: now - TOTP.period)), 401, "otp_invalid", "an earlier code is invalid too")
    }

    @Test func recoveryCodeIsValidOnce() throws {
        let (_, codes) = try enrol()
        #expect(try login(codes[0].uppercased()).status == 200)
        expectProblem(try login(codes[0]), 401, "otp_invalid")
        #expect(try login(codes[1].replacing("-", with: "")).status == 200)
        let other = try stack.makeUser()
        let body: JSON = ["email": .string(other.email), "password": .string(other.password), "otp": .string(codes[2])]
        #expect(try stack.patiently { try stack.post("/login", body) }.status == 200, "no code without an app")
    }

    @Test func codesOfAnotherUserAreInvalid() throws {
        let (app, codes) = try enrol()
        let other = try SecondFactorTests()
        _ = try other.enrol()
        for code in [app.code(at: now), codes[0]] { expectProblem(try other.login(code), 401, "otp_invalid") }
        #expect(try login(codes[0]).status == 200)
    }

    @Test func removalNeedsACode() throws {
        let (_, codes) = try enrol()
        expectProblem(try call("DELETE", "/api/mfa/totp", ["code": "x"]), 403, "wrong_code")
        #expect(try call("DELETE", "/api/mfa/totp", ["code": .string(codes[3])]).status == 204)
        #expect(try login().status == 200)
        expectProblem(try call("DELETE", "/api/mfa/totp", ["code": .string(codes[4])]), 404)
    }

    @Test func enrolmentNeedsThePassword() throws {
        expectProblem(try call("POST", "/api/mfa/totp", ["current_password": "wrong"]), 403, "wrong_password")
        expectProblem(try call("POST", "/api/mfa/totp", [:]), 422)
        let key = try #require(try call("POST", "/api/keys", ["name": "k"])["key"].stringValue)
        expectProblem(try stack.post("/api/mfa/totp", ["current_password": .string(user.password)], token: key), 403)
    }

    @Test func databaseContainsNoPlainSecret() throws {
        let (app, codes) = try enrol()
        let connection = stack.database.connect()
        let stored = try connection.query("SELECT secret FROM second_factors WHERE user_id = \(user.id)").only
            .decode([UInt8].self)
        for step in [now, now - TOTP.period] { #expect(TOTP(secret: stored).code(at: step) != app.code(at: step)) }
        let digests = try connection.query("SELECT digest FROM recovery_codes WHERE user_id = \(user.id)")
            .map { try $0.decode([UInt8].self) }
        #expect(digests.count == 10 && digests.allSatisfy { $0.count == 32 })
        #expect(!digests.contains(Array(codes[0].utf8)))

        // Copied to another account, the sealed secret cannot be opened.
        let other = try stack.makeUser()
        try connection.execute(
            """
            INSERT INTO second_factors (user_id, secret, confirmed_at) VALUES (\(other.id), \(stored), now())
            """)
        let body: JSON = [
            "email": .string(other.email), "password": .string(other.password), "otp": .string(app.code(at: now)),
        ]
        #expect(try stack.patiently { try stack.post("/login", body) }.status == 500)
    }
}

/// A login rehashes a password that was hashed at another cost.
@Suite struct RehashTests {
    @Test func loginUpdatesTheHash() throws {
        let stack = try Stack.shared.get()
        let user = try stack.makeUser()
        let weak = PasswordHasher(
            slots: HashingSlots(Slots(in: try SharedMemory(), limit: 1), waiting: 0),
            cost: PasswordHasher.Cost(passes: 1, kibibytes: 8))
        let connection = stack.database.connect()
        let old = try weak.hash(Array(user.password.utf8))
        try connection.execute("UPDATE users SET password_hash = \(old) WHERE id = \(user.id)")
        func stored() throws -> String {
            try connection.query("SELECT password_hash FROM users WHERE id = \(user.id)").only.decode(String.self)
        }
        let wrong: JSON = ["email": .string(user.email), "password": "the wrong one"]
        #expect(try stack.patiently { try stack.post("/login", wrong) }.status == 401)
        #expect(try stored() == old)
        _ = try stack.token(user.email, user.password)
        #expect(try stored().contains("m=19456,t=2,p=1"))
        _ = try stack.token(user.email, user.password)
    }
}
