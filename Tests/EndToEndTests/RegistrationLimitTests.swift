import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// One network address makes so many accounts a minute, whichever way.
@Suite struct RegistrationLimitTests {
    @Test func anAddressMakesSoManyAccountsAMinute() throws {
        let stack = try Stack(settings: ["REGISTRATION_LIMIT": "3", "LOGIN_CREATES_ACCOUNT": "on"])
        func call(_ path: String, from address: String, _ more: [(String, String)] = []) throws -> FastCGIClient.Answer
        {
            let body = (["email": .string(unique("many") + "@example.org"), "password": "long enough"] as JSON)
                .serialized()
            let params = stack.params("POST", path, length: body.count, [("REMOTE_ADDR", address)] + more)
            for _ in 0..<200 {
                let answer = try FastCGIClient(path: stack.socket).exchange(params, body: body)
                if answer.status != 503 { return answer }
            }
            throw TestFailure("always busy")
        }
        let guest = try call("/api/guests", from: "2001:db8:1:2::1")
        let token = try #require(try JSON(parsing: guest.body)["token"]?.stringValue)

        #expect(try call("/register", from: "2001:db8:1:2::1").status == 200)
        #expect(try call("/create_user", from: "2001:db8:1:2::2").status == 201)
        #expect(try call("/login", from: "2001:db8:1:2::3").status == 200)
        for (path, more) in [
            ("/register", []), ("/create_user", []), ("/login", []),
            ("/api/guests/convert", [("HTTP_AUTHORIZATION", "Bearer \(token)")]),
        ] {
            let answer = try call(path, from: "2001:db8:1:2::4", more)
            #expect(answer.status == 429, "\(path) \(answer.text)")
            #expect(answer.text.contains("rate_limited"))
            let wait = try #require(answer["retry-after"])
            #expect(try (1...60).contains(#require(Int(wait))))
            #expect(answer["ratelimit-policy"] == "\"registrations\";q=3;w=60")
            #expect(answer["ratelimit"] == "\"registrations\";r=0;t=\(wait)")
        }
        #expect(try call("/register", from: "2001:db8:1:3::1").status == 200, "others are not held up")
        for _ in 0..<5 { #expect(try call("/register", from: "127.0.0.1").status == 200) }
        try stack.database.connect().execute("UPDATE rate_limits SET window_start = now() - interval '60 seconds'")
        #expect(try call("/register", from: "2001:db8:1:2::4").status == 200)
    }
}
