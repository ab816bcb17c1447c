import Foundation
import Glibc
import HTTP
import JSON
import Postgres
import TestSupport
import Testing
import Tokens

/// Guessing passwords gets slow, for the guesser alone.
@Suite struct LoginThrottleTests {
    /// One of its own: failures of other tests come from the same address.
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack(settings: ["LOGIN_THROTTLE": "on"])
        user = try stack.makeUser()
    }

    private func login(
        _ name: String, _ password: String, from address: String, otp: String? = nil
    ) throws -> FastCGIClient.Answer {
        var fields = JSONObject([
            .init(name: "username", value: .string(name)), .init(name: "password", value: .string(password)),
        ])
        fields["otp"] = otp.map(JSON.string)
        let body = JSON.object(fields).serialized()
        let params = stack.params("POST", "/login", length: body.count, [("REMOTE_ADDR", address)])
        for _ in 0..<200 {
            let answer = try FastCGIClient(path: stack.socket).exchange(params, body: body)
            if answer.status != 503 { return answer }
            poll(nil, 0, 25)
        }
        throw TestFailure("always busy")
    }

    /// Known and unknown names alike, so that waiting tells nothing about who has an account.
    @Test(arguments: [true, false]) func aFewTriesAreFree(isKnown: Bool) throws {
        let name = isKnown ? user.email : "nobody@example.org"
        for number in 0..<6 {
            // However the name is cased, and whichever process answers.
            let answer = try login(number % 2 == 0 ? name : name.uppercased(), "wrong", from: "192.0.2.1")
            #expect(answer.status == 401)
        }
        let answer = try login(name, user.password, from: "192.0.2.1")
        #expect(answer.status == 429, "the right password has to wait too: \(answer.text)")
        #expect(answer.text.contains("login_throttled"))
        let wait = try #require(answer["retry-after"])
        #expect(["1", "2"].contains(wait))
        #expect(answer["ratelimit-policy"] == "\"logins\";q=1;w=60")
        #expect(answer["ratelimit"] == "\"logins\";r=0;t=\(wait)")
    }

    /// Through the web server, where the address is the connection's, whatever its headers say.
    @Test func nobodyIsLockedOutByAnotherNorGetsRoundByHeaders() throws {
        func login(_ password: String, from address: String, _ headers: [(String, String)] = []) throws -> HTTPAnswer {
            let body: JSON = ["email": .string(user.email), "password": .string(password)]
            return try stack.patiently {
                try stack.client.from(address).send(
                    "POST", "/login", headers: [("Content-Type", "application/json")] + headers,
                    body: body.serialized())
            }
        }
        let fields = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP", "REMOTE-ADDR", "REMOTE_ADDR"]
        for number in 0..<6 {
            let spoofed = fields.map { ($0, "203.0.113.\(number)") }
            #expect(try login("wrong", from: "127.0.0.2", spoofed).status == 401)
        }
        let spoofed = fields.map { ($0, "127.0.0.3") }
        expectProblem(try login(user.password, from: "127.0.0.2", spoofed), 429, "login_throttled")
        #expect(try login(user.password, from: "127.0.0.3").status == 200, "the owner is elsewhere")
        #expect(
            try login(user.password, from: "127.0.0.4", [("X-Forwarded-For", "127.0.0.2")]).status == 200,
            "nobody can make others wait in that address's place")
    }

    @Test func itsOwnerGetsInFromElsewhereAndOthersFromThere() throws {
        for _ in 0..<6 { #expect(try login(user.email, "wrong", from: "2001:db8:1:2:3::1").status == 401) }
        #expect(try login(user.email, user.password, from: "2001:db8:1:2:9::9").status == 429, "the same network")
        #expect(try login(user.email, user.password, from: "2001:db8:1:3::1").status == 200)
        #expect(try login("user1", "password1", from: "2001:db8:1:2:3::1").status == 200)
    }

    @Test func theRightPasswordAfterTheWaitEndsIt() throws {
        for _ in 0..<6 { #expect(try login(user.email, "wrong", from: "192.0.2.2").status == 401) }
        var answer = try login(user.email, user.password, from: "192.0.2.2")
        // A second or two, which nothing but the clock ends.
        for _ in 0..<400 where answer.status == 429 {
            poll(nil, 0, 25)
            answer = try login(user.email, user.password, from: "192.0.2.2")
        }
        #expect(answer.status == 200)
        for _ in 0..<6 { #expect(try login(user.email, "wrong", from: "192.0.2.2").status == 401) }
    }

    @Test func manyNamesFromOneAddressAreSlowedToo() throws {
        for number in 0...20 { #expect(try login("nobody\(number)", "wrong", from: "192.0.2.3").status == 401) }
        #expect(try login("nobody21", "wrong", from: "192.0.2.3").status == 429)
        #expect(try login("nobody21", "wrong", from: "192.0.2.4").status == 401)
    }

    /// From however many addresses they come: only who knows the password gets to try codes.
    @Test func codesOfASecondFactorAreLimitedForTheAccount() throws {
        let password: JSON = ["current_password": .string(user.password)]
        let begun = try stack.patiently { try stack.post("/api/mfa/totp", password, token: user.token) }
        let secret = try #require(begun["secret"].stringValue)
        let app = TOTP(secret: try #require(Base32.decode(secret.utf8)))
        let now = Int64(Date().timeIntervalSince1970)
        let code: JSON = ["code": .string(app.code(at: now - TOTP.period))]
        #expect(try stack.post("/api/mfa/totp/confirm", code, token: user.token).status == 200)
        func login(from address: String) throws -> FastCGIClient.Answer {
            try self.login(user.email, user.password, from: address, otp: "000000x")
        }
        for number in 0..<6 { #expect(try login(from: "192.0.2.\(100 + number)").text.contains("otp_invalid")) }
        // The first wait is a second, which may be over on a busy machine; each one after it is twice as long.
        #expect(try (120..<126).contains { try login(from: "192.0.2.\($0)").status == 429 })
    }

    /// The e-mail and the username of an account name one, whose guesses count together.
    @Test func guessesByEitherNameCountTogether() throws {
        let name = unique("both")
        try stack.database.connect().execute("UPDATE users SET username = \(name) WHERE id = \(user.id)")
        func guess(_ number: Int) throws -> Int {
            try login(number % 2 == 0 ? name : user.email, "wrong", from: "192.0.2.70").status
        }
        for number in 0..<6 { #expect(try guess(number) == 401) }
        // The first wait may be over on a busy machine. Counted one by one, the names would have tries left.
        #expect(try (6..<12).contains { try guess($0) == 429 })
        #expect(try login(name, user.password, from: "192.0.2.71").status == 200)
    }

    /// What stands for everybody makes nobody wait but for one name; mapped addresses are IPv4 ones.
    @Test func aSharedAddressLocksNobodyOut() throws {
        for number in 0..<25 { #expect(try login("nobody\(number)", "wrong", from: "127.0.0.1").status == 401) }
        for number in 0...20 {
            #expect(try login("none\(number)", "wrong", from: "::ffff:192.0.2.50").status == 401)
        }
        #expect(try login("none21", "wrong", from: "192.0.2.50").status == 429)
        #expect(try login("none21", "wrong", from: "::ffff:192.0.2.51").status == 401)
    }

    @Test func whoHoldsATokenCannotGuessThePasswordEither() throws {
        let change: JSON = ["password": "another password", "current_password": "wrong"]
        func guess() throws -> HTTPAnswer {
            try stack.patiently { try stack.send("PATCH", "/me", change, token: user.token) }
        }
        for _ in 0..<6 { expectProblem(try guess(), 403, "wrong_password") }
        expectProblem(try guess(), 429, "login_throttled")
    }
}
