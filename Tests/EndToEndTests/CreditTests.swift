import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Credits of users: initial balances, grants by admins, and the ledger.
@Suite struct CreditTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func entries(_ token: String, _ query: String = "") throws -> [JSON] {
        let page = try stack.get("/api/ledger?limit=100&sort=created_at\(query)", token: token)
        #expect(page.status == 200, "\(page.text)")
        return page["items"].arrayValue ?? []
    }

    private func guest() throws -> HTTPAnswer {
        let address = "127.\(Int.random(in: 1...255)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254))"
        return try stack.client.from(address).send("POST", "/api/guests")
    }

    @Test func newClientsHaveInitialCredits() throws {
        let credits: JSON = ["balance": 20, "held": 0]
        #expect(try stack.get("/me", token: user.token)["credits"] == credits)
        #expect(try stack.get("/api/credits", token: user.token).json == credits)
        #expect(try stack.send("PATCH", "/me", ["name": "Ann"], token: user.token)["credits"] == credits)
        let key = try stack.post("/api/keys", ["name": "k"], token: user.token)["key"].stringValue
        #expect(try stack.get("/me", token: key)["credits"] == credits)
        let entry = try #require(try entries(user.token).first)
        #expect(try entries(user.token).count == 1)
        #expect(
            entry.names == [
                "id", "user_id", "debit", "credit", "amount", "balance", "held", "execution_id", "note", "created_at",
            ])
        #expect(entry["user_id"] == .string(user.id) && entry["execution_id"] == .null && entry["note"] == "welcome")
        #expect(entry["debit"] == "issued" && entry["credit"] == "available")
        #expect(entry["amount"] == 20 && entry["balance"] == 20 && entry["held"] == 0)
    }

    @Test func convertedGuestsKeepTheirCredits() throws {
        let guest = try guest()
        #expect(guest["user"]["credits"] == ["balance": 50, "held": 0])
        let token = try #require(guest["token"].stringValue)
        #expect(try stack.get("/api/credits", token: token)["balance"] == 50)
        let account: JSON = ["username": .string(unique("guest")), "password": "long enough"]
        let made = try stack.patiently { try stack.post("/api/guests/convert", account, token: token) }
        #expect(made["credits"] == ["balance": 50, "held": 0], "\(made.text)")
        #expect(try entries(token).count == 1)
    }

    @Test func createdUsersGetTheCreditsOfTheirRole() throws {
        let admin = try stack.adminToken()
        for (role, credits) in [("client", 20), ("admin", 0)] {
            let name = unique("made")
            let draft: JSON = ["username": .string(name), "password": "long enough", "role": .string(role)]
            #expect(try stack.patiently { try stack.post("/api/users", draft, token: admin) }.status == 201)
            #expect(
                try stack.get("/me", token: stack.token(name, "long enough"))["credits"]["balance"] == JSON(credits))
        }
        let name = unique("operated")
        #expect(try stack.command(["user", "add", name], input: "long enough\n").status == 0)
        #expect(try stack.get("/me", token: stack.token(name, "long enough"))["credits"]["balance"] == 20)
    }

    @Test func demoAccountsGetInitialCreditsOnce() throws {
        #expect(try stack.command(["seed-demo"]).status == 0)
        let welcomes = try stack.database.connect().query(
            """
            SELECT coalesce(u.email, u.username), array_to_json(array_agg(l.amount))
            FROM ledger l JOIN users u ON u.id = l.user_id
            WHERE l.note = 'welcome' AND coalesce(u.email, u.username) IN (
                'user3784mail@gmail.com', 'user1', 'defaultclient@client.as', 'defaultadmin@admin.as')
            GROUP BY 1 ORDER BY 1
            """
        ).map { row in
            let (name, amounts) = try row.decode(String.self, JSON.self)
            return "\(name) \(amounts.text)"
        }
        #expect(
            welcomes == [
                "defaultadmin@admin.as [1000]", "defaultclient@client.as [20]", "user1 [20]",
                "user3784mail@gmail.com [20]",
            ])
    }

    @Test func adminsGrantCredits() throws {
        let admin = try stack.adminToken()
        let grant: JSON = ["user_id": .string(user.id), "amount": 30, "note": "for the summer"]
        let key = [("Idempotency-Key", unique("grant"))]
        let given = try stack.post("/api/credits/grants", grant, token: admin, headers: key)
        #expect(given.status == 201, "\(given.text)")
        #expect(given.headers["location"] == "/api/ledger?user_id=\(user.id)")
        #expect(given["user_id"] == .string(user.id) && given["note"] == "for the summer")
        #expect(given["amount"] == 30 && given["balance"] == 50 && given["held"] == 0)
        let again = try stack.post("/api/credits/grants", grant, token: admin, headers: key)
        #expect(again.body == given.body && again.headers["idempotency-replayed"] == "true")
        #expect(try stack.get("/api/credits", token: user.token)["balance"] == 50)
        #expect(try entries(user.token).last == given.json)
        let audit = try stack.get("/api/audit?action=credits_granted&subject=\(user.id)", token: admin)
        #expect(audit["items"].each("detail") == [["amount": 30]])
    }

    @Test func rejectsInvalidGrants() throws {
        let admin = try stack.adminToken()
        let deleted = try stack.makeUser()
        #expect(try stack.send("DELETE", "/api/users/\(deleted.id)", token: admin).status == 204)
        let cases: [(change: KeyValuePairs<String, JSON?>, pointer: String)] = [
            (["amount": 0], "/amount"), (["amount": -5], "/amount"), (["amount": 1.5], "/amount"),
            (["amount": "5"], "/amount"), (["amount": 1_000_000_000_001], "/amount"), (["amount": nil], "/amount"),
            (["user_id": nil], "/user_id"), (["user_id": "1"], "/user_id"), (["user_id": .some(.null)], "/user_id"),
            (["user_id": "00000000-0000-7000-8000-00000000dead"], "/user_id"),
            (["user_id": .some(.string(deleted.id))], "/user_id"),
            (["note": .some(.string(String(repeating: "n", count: 501)))], "/note"), (["note": 1], "/note"),
            (["balance": 1], "/balance"),
        ]
        for (change, pointer) in cases {
            var body = JSONObject([
                .init(name: "user_id", value: .string(user.id)), .init(name: "amount", value: 1),
            ])
            for (name, value) in change { body[name] = value }
            let answer = try stack.post("/api/credits/grants", .object(body), token: admin)
            expectProblem(answer, 422, nil, "\(change)")
            #expect(pointers(answer) == [pointer], "\(change)")
        }
        let fine: JSON = ["user_id": .string(user.id), "amount": 1]
        expectProblem(try stack.post("/api/credits/grants", fine, token: user.token), 403, "forbidden")
        expectChallenge(try stack.post("/api/credits/grants", fine), "token_missing")
        #expect(try stack.get("/api/credits", token: user.token)["balance"] == 20)
    }

    @Test func onlyAdminsReadOtherUsersLedgers() throws {
        let admin = try stack.adminToken()
        let other = try stack.makeUser()
        #expect(try entries(user.token, "&user_id=\(other.id)") == [])
        #expect(try entries(user.token, "&user_id=\(user.id)").count == 1)
        #expect(try entries(admin, "&user_id=\(other.id)").each("user_id") == [.string(other.id)])
        let own = try stack.get("/me", token: admin)["id"]
        #expect(try entries(admin).allSatisfy { $0["user_id"] == own }, "an admin reads their own ledger by default")
        let key = try stack.post("/api/keys", ["name": "k", "scopes": ["read"]], token: admin)["key"].stringValue
        #expect(try entries(key ?? "", "&user_id=\(other.id)") == [], "the key has no admin scope")
    }

    /// Fields for credits in a request body are rejected.
    @Test func usersCannotGrantThemselvesCredits() throws {
        let more: JSON = ["balance": 1_000]
        let change = try stack.send("PATCH", "/me", ["credits": more], token: user.token)
        expectProblem(change, 422)
        #expect(pointers(change) == ["/credits"])
        let account: JSON = ["username": .string(unique("rich")), "password": "long enough", "credits": more]
        #expect(pointers(try stack.post("/register", account)) == ["/credits"])
    }
}

extension [JSON] {
    fileprivate func each(_ name: String) -> [JSON] { map { $0[name] ?? .null } }
}
