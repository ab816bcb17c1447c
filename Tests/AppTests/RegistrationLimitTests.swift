import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The number of accounts that one network address may create in a minute, over all endpoints.
@Suite struct RegistrationLimitTests {
    @Test func registrationsAreLimitedPerAddress() throws {
        let application = try TestApplication {
            $0.registrationLimit = 3
            $0.loginCreatesAccount = true
        }
        func call(_ path: String, from address: String, token: String? = nil) throws -> HTTPAnswer {
            let body: JSON = ["email": .string(unique("many") + "@example.org"), "password": "long enough"]
            return try application.post(path, body, from: address, token: token)
        }
        let guest = try call("/api/guests", from: "2001:db8:1:2::1")
        let token = try #require(guest["token"].stringValue)

        for (path, remaining) in [("/register", 2), ("/create_user", 1)] {
            let answer = try call(path, from: "2001:db8:1:2::\(remaining)")
            #expect((200...201).contains(answer.status))
            #expect(answer.headers["ratelimit-policy"] == "\"registrations\";q=3;w=60")
            let state = try #require(answer.headers["ratelimit"])
            let wait = try #require(state.split(separator: "t=").last.flatMap { Int($0) })
            #expect((1...60).contains(wait) && state == "\"registrations\";r=\(remaining);t=\(wait)")
        }
        #expect(try call("/login", from: "2001:db8:1:2::3").status == 200)
        for (path, token) in [
            ("/register", nil), ("/create_user", nil), ("/login", nil), ("/api/guests/convert", token),
        ] {
            let answer = try call(path, from: "2001:db8:1:2::4", token: token)
            expectProblem(answer, 429, "rate_limited", path)
            let wait = try #require(answer.headers["retry-after"])
            #expect(try (1...60).contains(#require(Int(wait))))
            #expect(answer.headers["ratelimit-policy"] == "\"registrations\";q=3;w=60")
            #expect(answer.headers["ratelimit"] == "\"registrations\";r=0;t=\(wait)")
        }
        #expect(try call("/register", from: "2001:db8:1:3::1").status == 200, "other addresses are not limited")
        for _ in 0..<5 { #expect(try call("/register", from: "127.0.0.1").status == 200) }
        try application.database.connect().execute(
            "UPDATE rate_limits SET window_start = now() - interval '60 seconds'")
        #expect(try call("/register", from: "2001:db8:1:2::4").status == 200)
    }

    /// Otherwise a client could find out which e-mails have accounts, and claim many.
    @Test func newEmailsCountAsRegistrations() throws {
        let application = try TestApplication { $0.registrationLimit = 2 }
        let (user, other) = (try application.makeUser(), try application.makeUser())
        func change(_ email: String, password: String? = nil) -> HTTPAnswer {
            let body: JSON = ["email": .string(email), "current_password": .string(password ?? user.password)]
            return application.send("PATCH", "/me", body, from: "2001:db8:1:2::1", token: user.token)
        }
        let free = unique("free") + "@example.org"
        expectProblem(change(free, password: "a wrong one"), 403, "wrong_password", "does not count")
        #expect(change(user.email).status == 200, "is no change, and does not count")
        expectProblem(change(other.email), 409, "already_registered")
        #expect(change(free).status == 200)
        for email in [other.email, unique("more") + "@example.org"] {
            let answer = change(email)
            expectProblem(answer, 429, "rate_limited")
            #expect(try (1...60).contains(#require(Int(answer.headers["retry-after"] ?? ""))))
        }
        #expect(change(free).status == 200)
        let account: JSON = ["username": .string(unique("name")), "password": "long enough"]
        expectProblem(try application.post("/register", account, from: "2001:db8:1:2::1"), 429, "rate_limited")
    }
}
