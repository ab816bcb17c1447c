import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Guests: what they may do, when they expire, and how they become clients.
@Suite struct GuestTests {
    let stack: Stack
    /// An address that no other test uses.
    let address = "127.\(Int.random(in: 1...255)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254))"

    init() throws { stack = try Stack.shared.get() }

    private func createGuest(from address: String? = nil) throws -> HTTPAnswer {
        try stack.client.from(address ?? self.address).send("POST", "/api/guests")
    }

    private func guest() throws -> (id: String, token: String, refresh: String) {
        let answer = try createGuest()
        guard let id = answer["user"]["id"]?.stringValue, let token = answer["token"].stringValue,
            let refresh = answer["refresh_token"].stringValue
        else { throw TestFailure("no guest: \(answer.text)") }
        return (id, token, refresh)
    }

    private func convert(_ body: JSON, _ token: String) throws -> HTTPAnswer {
        try stack.patiently { try stack.post("/api/guests/convert", body, token: token) }
    }

    @Test func guestsRunFlowsAndStoreDocuments() throws {
        let answer = try createGuest()
        #expect(answer.status == 201, "\(answer.text)")
        #expect(answer.headers["location"] == "/me")
        #expect(answer["token"] == answer["access_token"])
        #expect(answer["user"]["role"] == "guest")
        #expect(answer["user"]["email"] == .null && answer["user"]["username"] == .null)
        let token = try #require(answer["token"].stringValue)
        #expect(try stack.get("/me", token: token).json == answer["user"])
        let run = try stack.post("/flow-manager", .demoFlow, token: token)
        #expect(run.status == 200)
        #expect(try stack.get("/api/executions", token: token)["items"].arrayValue?.count == 1)
        #expect(try stack.get("/api/data/result", token: token).status == 200)
        #expect(try stack.post("/posts", ["title": "a", "content": "b"], token: token).status == 201)
        #expect(try stack.get("/api/sessions", token: token)["items"].arrayValue?.count == 1)
        #expect(try stack.post("/refresh", ["refresh_token": answer["refresh_token"]]).status == 200)
        #expect(try stack.post("/logout", [:], token: token).status == 204)
        expectChallenge(try stack.get("/me", token: token), "token_invalid")
    }

    @Test func guestCookiesLastAsLongAsTheGuest() throws {
        let answer = try createGuest()
        #expect(
            answer.cookies["refresh_token"]?.attributes == "Path=/refresh; Max-Age=259200; HttpOnly; SameSite=Strict")
        let cookie = ("Cookie", "access_token=\(answer.cookies["access_token"]?.value ?? "")")
        let account: JSON = ["username": .string(unique("guest")), "password": "long enough"]
        expectProblem(try stack.post("/api/guests/convert", account, headers: [cookie]), 403, "csrf_failed")
        let proof = ("X-CSRF-TOKEN", answer["csrf_token"].stringValue ?? "")
        let made = try stack.patiently { try stack.post("/api/guests/convert", account, headers: [cookie, proof]) }
        #expect(made.status == 200, "\(made.text)")
        #expect(try stack.get("/csrf", headers: [cookie])["csrf_token"] == answer["csrf_token"])
    }

    @Test func guestsCannotManageAnAccount() throws {
        let token = try guest().token
        let calls: [(method: String, target: String, body: JSON?)] = [
            ("POST", "/api/keys", ["name": "k"]), ("GET", "/api/keys", nil),
            ("POST", "/api/mfa/totp", ["current_password": ""]), ("PATCH", "/me", ["password": "long enough"]),
            ("GET", "/api/users", nil),
        ]
        for (method, target, body) in calls {
            expectProblem(try stack.send(method, target, body, token: token), 403, "forbidden", "\(method) \(target)")
        }
    }

    @Test func limitsAnAddressToOneGuest() throws {
        #expect(try createGuest().status == 201)
        let refused = try createGuest()
        expectProblem(refused, 429, "guest_limit")
        let wait = try #require(refused.headers["retry-after"])
        #expect(try (259_000...259_200).contains(#require(Int(wait))))
        #expect(refused.headers["ratelimit-policy"] == "\"guests\";q=1;w=259200")
        #expect(refused.headers["ratelimit"] == "\"guests\";r=0;t=\(wait)")
        #expect(refused["token"] == .null, "no access to the first guest")
        // The client's own headers are ignored.
        let spoofed = try stack.client.from(address).send(
            "POST", "/api/guests", headers: [("X-Forwarded-For", "203.0.113.9"), ("X-Real-IP", "203.0.113.9")])
        expectProblem(spoofed, 429, "guest_limit")
    }

    @Test func concurrentRequestsCreateOneGuest() throws {
        let client = stack.client.from(address)
        let calls = Array(repeating: client.message("POST", "/api/guests"), count: 20)
        let statuses = try client.exchange(atOnce: calls).map(\.status)
        #expect(statuses.sorted() == [201] + Array(repeating: 429, count: 19))
    }

    @Test func expiredGuestsAreRejectedAndFreeTheirAddress() throws {
        let guest = try guest()
        let connection = stack.database.connect()
        let days = try connection.query(
            """
            SELECT s.expires_at - s.created_at = interval '3 days' AND s.expires_at = g.expires_at
            FROM sessions s JOIN guests g USING (user_id) WHERE s.user_id = \(guest.id)
            """
        ).only.decode(Bool.self)
        #expect(days)
        #expect(try stack.post("/refresh", ["refresh_token": .string(guest.refresh)]).status == 200)
        try connection.execute("UPDATE sessions SET expires_at = now() WHERE user_id = \(guest.id)")
        try connection.execute("UPDATE guests SET expires_at = now() WHERE user_id = \(guest.id)")
        expectChallenge(try stack.get("/me", token: guest.token), "token_invalid")
        expectChallenge(try stack.post("/refresh", ["refresh_token": .string(guest.refresh)]), "token_invalid")
        let next = try createGuest()
        #expect(next.status == 201)
        #expect(next["user"]["id"] != .string(guest.id))
    }

    @Test func convertedGuestsKeepTheirData() throws {
        let guest = try guest()
        #expect(try stack.send("PUT", "/api/data/mine", ["value": 1], token: guest.token).status == 200)
        let email = unique("guest") + "@example.org"
        let answer = try convert(
            ["email": .string(email), "password": "long enough", "name": "Ann"], guest.token)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer["id"] == .string(guest.id))
        #expect(answer["role"] == "client" && answer["email"] == .string(email) && answer["name"] == "Ann")
        #expect(try stack.get("/me", token: guest.token).json == answer.json, "the session continues")
        let token = try stack.token(email, "long enough")
        #expect(try stack.get("/api/data/mine", token: token)["value"] == 1)
        #expect(try stack.post("/api/keys", ["name": "k"], token: guest.token).status == 201)
        let lasts = try stack.database.connect().query(
            "SELECT min(expires_at - created_at) = interval '30 days' FROM sessions WHERE user_id = \(guest.id)"
        ).only.decode(Bool.self)
        #expect(lasts)
        expectProblem(try convert(["username": .string(unique("again")), "password": "long enough"], token), 403)
        #expect(try createGuest().status == 201, "the address may have a guest again")
    }

    @Test func conversionFollowsTheRulesOfRegistration() throws {
        let guest = try guest()
        let taken = try stack.makeUser()
        expectProblem(
            try convert(["email": .string(taken.email.uppercased()), "password": "long enough"], guest.token), 409,
            "already_registered")
        #expect(
            pointers(try convert(["username": "a b", "password": "12345678"], guest.token)) == [
                "/username", "/password",
            ])
        #expect(
            pointers(try convert(["email": "a@example.org", "password": "x", "role": "admin"], guest.token)) == [
                "/role", "/password",
            ])
        expectProblem(
            try stack.post(
                "/api/guests/convert", ["username": "a", "password": "long enough"],
                headers: [("Idempotency-Key", "a"), stack.bearer(guest.token)]), 400, "idempotency_refused")
        expectProblem(
            try stack.client.send("POST", "/api/guests", headers: [("Idempotency-Key", "a")]), 400,
            "idempotency_refused")
        #expect(try stack.get("/me", token: guest.token)["role"] == "guest")
    }

    @Test func guestsAreConvertedOnce() throws {
        let token = try guest().token
        let bodies: [JSON] = (0..<8).map { _ in ["username": .string(unique("guest")), "password": "long enough"] }
        // Some may be rejected because all slots for password hashing are taken.
        let statuses = try stack.post("/api/guests/convert", atOnce: bodies, token: token).map(\.status)
        #expect(Set(statuses).isSubset(of: [200, 403, 503]))
        #expect(statuses.count { $0 == 200 } <= 1)
        let later = try bodies.map { try convert($0, token).status }
        #expect((statuses + later).count { $0 == 200 } == 1)
    }

    @Test func adminsListGuestsButCannotPromoteThem() throws {
        let guest = try guest()
        let admin = try stack.adminToken()
        let page = try stack.get("/api/users?role=guest&limit=100", token: admin)
        #expect(page.status == 200)
        #expect(page["items"].arrayValue?.contains { $0["id"] == .string(guest.id) } == true)
        #expect(page["items"].arrayValue?.allSatisfy { $0["role"] == "guest" } == true)
        let target = "/api/users/\(guest.id)"
        expectProblem(try stack.send("PATCH", target, ["role": "admin"], token: admin), 409, "guest")
        expectProblem(try stack.send("PATCH", target, ["role": "client"], token: admin), 409, "guest")
        #expect(try stack.send("PATCH", target, ["role": "guest"], token: admin).status == 200, "no change")
        #expect(try stack.send("PATCH", target, ["disabled": true], token: admin).status == 200)
        expectChallenge(try stack.get("/me", token: guest.token), "token_invalid")
        expectProblem(try createGuest(), 429, "guest_limit", "a disabled guest counts as well")
    }
}
