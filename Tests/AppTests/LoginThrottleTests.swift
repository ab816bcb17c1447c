import Crypto
import HTTP
import JSON
import Postgres
import SharedMemory
import TestSupport
import Testing
import Tokens

@testable import App

/// Password guessing is throttled, without affecting other clients. The test controls the throttle's clock, so a slow
/// machine does not change the result.
@Suite struct LoginThrottleTests {
    private let application: TestApplication
    private let user: TestUser
    private let clock = TestClock()

    init() throws {
        application = try TestApplication { [clock] in
            $0.loginLimits = LoginLimits(
                throttle: LoginThrottle(in: try SharedMemory()), key: HMACSHA256(key: [2]),
                clock: { UInt64(clock.now) })
        }
        user = try application.makeUser()
    }

    private func login(
        _ name: String, _ password: String, from address: String, otp: String? = nil
    ) throws -> HTTPAnswer {
        var fields = JSONObject([
            .init(name: "username", value: .string(name)), .init(name: "password", value: .string(password)),
        ])
        fields["otp"] = otp.map(JSON.string)
        return try application.post("/login", .object(fields), from: address)
    }

    /// The same for known and unknown names, so that the throttle does not reveal which accounts exist.
    @Test(arguments: [true, false]) func theFirstFailuresAreNotThrottled(isKnown: Bool) throws {
        let name = isKnown ? user.email : "nobody@example.org"
        for number in 0..<6 {
            // Regardless of the case of the name.
            // A password that is compared in two forms is one attempt.
            let password = number % 3 == 0 ? "wro\u{308}ng" : "wrong"
            let answer = try login(number % 2 == 0 ? name : name.uppercased(), password, from: "192.0.2.1")
            #expect(answer.status == 401)
        }
        let answer = try login(name, user.password, from: "192.0.2.1")
        expectProblem(answer, 429, "login_throttled", "the right password is throttled too")
        #expect(answer.headers["retry-after"] == "1")
        #expect(answer.headers["ratelimit-policy"] == "\"logins\";q=1;w=60")
        #expect(answer.headers["ratelimit"] == "\"logins\";r=0;t=1")
    }

    @Test func otherNetworksAndOtherAccountsAreNotThrottled() throws {
        for _ in 0..<6 { #expect(try login(user.email, "wrong", from: "2001:db8:1:2:3::1").status == 401) }
        #expect(try login(user.email, user.password, from: "2001:db8:1:2:9::9").status == 429, "the same network")
        #expect(try login(user.email, user.password, from: "2001:db8:1:3::1").status == 200)
        #expect(try login("user1", "password1", from: "2001:db8:1:2:3::1").status == 200)
    }

    @Test func aSlashAtTheEndOfThePathDoesNotEscapeTheThrottle() throws {
        let body: JSON = ["username": .string(user.email), "password": "wrong"]
        for path in ["/login", "/login/", "/login/", "/login", "/login/", "/login/"] {
            #expect(try application.post(path, body, from: "192.0.2.3").status == 401)
        }
        for path in ["/login/", "/login"] {
            expectProblem(try application.post(path, body, from: "192.0.2.3"), 429, "login_throttled", path)
        }
    }

    @Test func theRightPasswordAfterTheWaitResetsTheThrottle() throws {
        for _ in 0..<6 { #expect(try login(user.email, "wrong", from: "192.0.2.2").status == 401) }
        #expect(try login(user.email, user.password, from: "192.0.2.2").status == 429)
        clock.advance(by: 1)
        #expect(try login(user.email, user.password, from: "192.0.2.2").status == 200)
        for _ in 0..<6 { #expect(try login(user.email, "wrong", from: "192.0.2.2").status == 401) }
    }

    @Test func waitsDoubleUpToAMinute() throws {
        for _ in 0..<6 { #expect(try login(user.email, "wrong", from: "192.0.2.2").status == 401) }
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            let refused = try login(user.email, "wrong", from: "192.0.2.2")
            expectProblem(refused, 429, "login_throttled")
            #expect(refused.headers["retry-after"] == String(wait))
            clock.advance(by: Int64(wait) - 1)
            #expect(try login(user.email, "wrong", from: "192.0.2.2").status == 429)
            clock.advance(by: 1)
            #expect(try login(user.email, "wrong", from: "192.0.2.2").status == 401)
        }
    }

    @Test func manyNamesFromOneAddressAreThrottled() throws {
        for number in 0...20 { #expect(try login("nobody\(number)", "wrong", from: "192.0.2.3").status == 401) }
        #expect(try login("nobody21", "wrong", from: "192.0.2.3").status == 429)
        #expect(try login("nobody21", "wrong", from: "192.0.2.4").status == 401)
    }

    /// Regardless of the addresses: only a caller with the right password can try codes.
    @Test func secondFactorCodesAreThrottledPerAccount() throws {
        let password: JSON = ["current_password": .string(user.password)]
        let begun = try application.post("/api/mfa/totp", password, token: user.token)
        let secret = try #require(begun["secret"].stringValue)
        let app = TOTP(secret: try #require(Base32.decode(secret.utf8)))
        let code: JSON = ["code": .string(app.code(at: application.clock.now - TOTP.period))]
        #expect(try application.post("/api/mfa/totp/confirm", code, token: user.token).status == 200)
        func login(from address: String) throws -> HTTPAnswer {
            try self.login(user.email, user.password, from: address, otp: "000000x")
        }
        for number in 0..<6 { #expect(try login(from: "192.0.2.\(100 + number)").text.contains("otp_invalid")) }
        #expect(try login(from: "192.0.2.120").status == 429)
    }

    /// The e-mail and the username belong to one account, and failures of both are counted together.
    @Test func failuresByEmailAndUsernameCountTogether() throws {
        let name = unique("both")
        try application.database.connect().execute("UPDATE users SET username = \(name) WHERE id = \(user.id)")
        func guess(_ number: Int) throws -> Int {
            try login(number % 2 == 0 ? name : user.email, "wrong", from: "192.0.2.70").status
        }
        for number in 0..<6 { #expect(try guess(number) == 401) }
        // If the names were counted separately, attempts would be left.
        #expect(try guess(6) == 429)
        #expect(try guess(7) == 429)
        #expect(try login(name, user.password, from: "192.0.2.71").status == 200)
    }

    /// Failures from a shared address throttle only the name; IPv4-mapped addresses count as IPv4 addresses.
    @Test func aSharedAddressIsNotThrottled() throws {
        for number in 0..<25 { #expect(try login("nobody\(number)", "wrong", from: "127.0.0.1").status == 401) }
        for number in 0...20 {
            #expect(try login("none\(number)", "wrong", from: "::ffff:192.0.2.50").status == 401)
        }
        #expect(try login("none21", "wrong", from: "192.0.2.50").status == 429)
        #expect(try login("none21", "wrong", from: "::ffff:192.0.2.51").status == 401)
    }

    @Test func passwordChangesAreThrottled() throws {
        let change: JSON = ["password": "another password", "current_password": "wrong"]
        func guess() throws -> HTTPAnswer {
            try application.send("PATCH", "/me", change, token: user.token)
        }
        for _ in 0..<6 { expectProblem(try guess(), 403, "wrong_password") }
        expectProblem(try guess(), 429, "login_throttled")
    }
}
