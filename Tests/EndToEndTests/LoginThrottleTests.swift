import HTTP
import JSON
import TestSupport
import Testing

/// Failed logins throttle the address that nginx sees, regardless of the client's headers.
@Suite struct LoginThrottleTests {
    @Test func throttlesTheAddressAndIgnoresSpoofedHeaders() throws {
        // A separate stack, because the failures of other tests come from the same address.
        let stack = try Stack(settings: ["LOGIN_THROTTLE": "on"])
        let user = try stack.makeUser()
        func login(_ password: String, from address: String, _ headers: [(String, String)] = []) throws -> HTTPAnswer {
            let body: JSON = ["email": .string(user.email), "password": .string(password)]
            return try stack.patiently {
                try stack.client.from(address).send(
                    "POST", "/login", headers: [("Content-Type", "application/json")] + headers,
                    body: body.serialized())
            }
        }
        let fields = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP", "REMOTE-ADDR", "REMOTE_ADDR"]
        func spoofed(_ number: Int) -> [(String, String)] { fields.map { ($0, "203.0.113.\(number)") } }
        for number in 0..<6 { #expect(try login("wrong", from: "127.0.0.2", spoofed(number)).status == 401) }
        // The first wait, one second, may be over on a busy machine, but each wait is twice as long as the one before.
        let refused = try (6..<16).lazy.map { try login("wrong", from: "127.0.0.2", spoofed($0)) }
            .first { $0.status != 401 }
        expectProblem(try #require(refused), 429, "login_throttled")
        #expect(try login(user.password, from: "127.0.0.3").status == 200, "the user logs in from another address")
        #expect(
            try login(user.password, from: "127.0.0.4", [("X-Forwarded-For", "127.0.0.2")]).status == 200,
            "a spoofed header does not throttle another address")
    }
}
