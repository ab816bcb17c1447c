import Crypto
import Flows
import Glibc
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The cost of unauthenticated calls does not grow with the number of users: each of their statements uses an index.
/// The test runs the statements of the program and reads the database's counters of rows read.
@Suite(.serialized) struct RowsReadTests {
    private let crowded: CrowdedDatabase
    private let application: Application
    /// Not through a pooler: the test needs the counters of its session.
    private let connection: Connection
    private let observer: Connection

    init() throws {
        crowded = try CrowdedDatabase.shared.get()
        application = Application(services: crowded.services, clock: { Int64(time(nil)) })
        connection = crowded.database.connect()
        observer = crowded.database.connect()
    }

    /// Repeats the call until its plans are generic, and counts the rows that each call reads.
    private func expectFewRows(
        _ what: String, status: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation,
        _ call: (Int) throws -> Int?
    ) throws {
        for number in 1...8 {
            let before = try rowsRead()
            #expect(try call(number) == status, "\(what)", sourceLocation: sourceLocation)
            let after = try rowsRead()
            #expect(after.scanned == before.scanned, "\(what) scans a table", sourceLocation: sourceLocation)
            #expect(after.all - before.all < 100, "\(what)", sourceLocation: sourceLocation)
        }
    }

    /// The number of rows read so far, of all tables that grow with use.
    private func rowsRead() throws -> (scanned: Int, all: Int) {
        try connection.execute("SELECT pg_stat_force_next_flush()")
        let row = try observer.query(
            """
            SELECT sum(seq_tup_read)::bigint, sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
            FROM pg_stat_user_tables WHERE relname NOT IN ('prices', 'schema_migrations', 'token_keys')
            """
        ).only
        let (scanned, all) = try row.decode(Int.self, Int.self)
        return (scanned, all)
    }

    /// - Parameter subnet: the last groups of the sender's network, used by no other call.
    private func send(
        _ method: String, _ target: String, _ body: JSON? = nil, _ fields: [(String, String)] = [], from subnet: String
    ) throws -> (status: Int, body: JSON) {
        var headers: Headers = [:]
        for (name, value) in fields { headers.append(name: name, value: value) }
        if body != nil { headers.append(name: "content-type", value: "application/json") }
        let request = Request(
            method: method, target: target, headers: headers,
            remoteAddress: "2001:db8:\(subnet)::1")
        let bytes = body?.serialized() ?? []
        let reply = application.reply(
            to: request, readingBody: { policy throws(Rejection) in try policy.body(from: bytes) }, over: connection)
        let answer = HTTPAnswer(reply.initial)
        return (answer.status, answer.json)
    }

    private func login(
        _ name: String, _ password: String = CrowdedDatabase.password, otp: String? = nil, from subnet: String
    ) throws -> (status: Int, body: JSON) {
        var body = JSONObject([
            .init(name: name.contains("@") ? "email" : "username", value: .string(name)),
            .init(name: "password", value: .string(password)),
        ])
        body["otp"] = otp.map(JSON.string)
        return try send("POST", "/login", .object(body), from: subnet)
    }

    @Test(arguments: [
        ("user7@example.org", CrowdedDatabase.password, 200), ("user7", CrowdedDatabase.password, 200),
        ("USER8@Example.ORG", CrowdedDatabase.password, 200), ("User8", CrowdedDatabase.password, 200),
        ("user9@example.org", "not the right one", 401), ("user10", "not the right one", 401),
        ("nobody@example.org", "short", 401), ("nobody", "short", 401),
    ])
    func loginsReadFewRows(name: String, password: String, status: Int) throws {
        try expectFewRows("\(name) with \(password)", status: status) {
            try login(name, password, from: "1:\($0)").status
        }
    }

    /// The name may belong to another account by then.
    @Test func aDeletedAccountCannotLogIn() throws {
        let (deleted, other) = (CrowdedDatabase.id(11), CrowdedDatabase.id(12))
        try connection.execute("UPDATE users SET deleted_at = now() WHERE id = \(deleted)")
        #expect(try login("user11", from: "1:11").status == 401)
        try connection.execute("UPDATE users SET username = 'USER11' WHERE id = \(other)")
        let token = try #require(try login("user11", from: "1:11").body["token"]?.stringValue)
        let me = try send("GET", "/me", nil, [("authorization", "Bearer " + token)], from: "1:11").body
        #expect(me["id"] == .string(other))
    }

    @Test func loginsThatCreateTheAccountReadFewRows() throws {
        try expectFewRows("a new name", status: 200) { try login("new\($0)@example.org", from: "2:\($0)").status }
    }

    @Test func loginsWithASecondFactorReadFewRows() throws {
        let keys = try #require(crowded.services.sealingKeys)
        for number in 21...28 {
            let account = Account(
                id: CrowdedDatabase.id(number), email: nil, username: "user\(number)", name: nil, age: nil,
                role: .client, createdAt: "")
            #expect(try SecondFactor.begin(for: account, keys, issuer: "i", on: connection) != nil)
            try connection.execute("UPDATE second_factors SET confirmed_at = now() WHERE user_id = \(account.id)")
        }
        for code in [nil, "123456", "k7m2x-9dq4t-7ze5w"] {
            try expectFewRows("the code \(code ?? "left out")", status: 401) {
                try login("user\(20 + $0)", otp: code, from: "3:\($0)").status
            }
        }
    }

    @Test func registrationsReadFewRows() throws {
        func account(_ name: String) -> JSON { ["email": .string(name), "password": "lasting impression"] }
        try expectFewRows("/register", status: 200) {
            try send("POST", "/register", account("register\($0)@example.org"), from: "0:\($0)").status
        }
        try expectFewRows("/create_user", status: 201) {
            try send("POST", "/create_user", account("create\($0)@example.org"), from: "0:\($0)").status
        }
        try expectFewRows("a name that is taken", status: 409) {
            try send("POST", "/register", account("user\($0)@example.org"), from: "4:\($0)").status
        }
    }

    @Test func guestsReadFewRows() throws {
        var tokens: [String] = []
        try expectFewRows("/api/guests", status: 201) { number in
            let answer = try send("POST", "/api/guests", from: "5:\(number)")
            tokens.append(answer.body["token"]?.stringValue ?? "")
            return answer.status
        }
        try expectFewRows("a second guest", status: 429) { try send("POST", "/api/guests", from: "5:\($0)").status }
        try expectFewRows("/api/guests/convert", status: 200) { number in
            let registration: JSON = ["username": .string("guest\(number)"), "password": "lasting impression"]
            let token = ("authorization", "Bearer " + tokens[number - 1])
            return try send("POST", "/api/guests/convert", registration, [token], from: "5:\(number)").status
        }
    }

    @Test func sessionsReadFewRows() throws {
        let made = try login("user30", from: "6").body
        let access = try #require(made["access_token"]?.stringValue)
        let csrf = try #require(made["csrf_token"]?.stringValue)
        let first = try #require(made["refresh_token"]?.stringValue)
        let cookie = ("cookie", "access_token=" + access)
        try expectFewRows("a token", status: 200) { _ in
            try send("GET", "/me", nil, [("authorization", "Bearer " + access)], from: "6").status
        }
        try expectFewRows("a cookie", status: 200) { _ in try send("GET", "/me", nil, [cookie], from: "6").status }
        try expectFewRows("a change by cookie", status: 200) { _ in
            try send("PATCH", "/me", ["name": "Ann"], [cookie, ("x-csrf-token", csrf)], from: "6").status
        }
        try expectFewRows("a forged token", status: 401) { _ in
            try send("GET", "/me", nil, [("authorization", "Bearer " + access + "x")], from: "6").status
        }
        var refresh = first
        try expectFewRows("/refresh", status: 200) { _ in
            let answer = try send("POST", "/refresh", ["refresh_token": .string(refresh)], from: "6")
            refresh = answer.body["refresh_token"]?.stringValue ?? ""
            return answer.status
        }
        try expectFewRows("a reused refresh token", status: 401) { _ in
            try send("POST", "/refresh", ["refresh_token": .string(first)], from: "6").status
        }
        try expectFewRows("a forged refresh token", status: 401) { _ in
            try send("POST", "/refresh", ["refresh_token": .string(refresh + "x")], from: "6").status
        }
    }

    @Test func accountsManageTheirAccessWithFewRows() throws {
        func token(_ user: String) throws -> (String, String) {
            ("authorization", "Bearer " + (try login(user, from: "a").body["token"]?.stringValue ?? ""))
        }
        let mine = try token("user33")
        try expectFewRows("the sessions", status: 200) { _ in
            try send("GET", "/api/sessions", nil, [mine], from: "a").status
        }
        try expectFewRows("the end of a session", status: 204) { number in
            let other = try send("GET", "/me", nil, [try token("user33")], from: "a").status
            #expect(other == 200)
            let items = try send("GET", "/api/sessions?sort=-created_at", nil, [mine], from: "a").body["items"]
            let last = items?.arrayValue?.first { $0["current"] != true }?["id"]?.stringValue ?? ""
            return try send("DELETE", "/api/sessions/\(last)", nil, [mine], from: "a").status
        }
        try expectFewRows("/logout", status: 204) { _ in
            try send("POST", "/logout", [:], [try token("user34")], from: "a").status
        }
        var keys: [String] = []
        try expectFewRows("a new key", status: 201) { _ in
            let made = try send("POST", "/api/keys", ["name": "k"], [mine], from: "a")
            keys.append(made.body["id"]?.stringValue ?? "")
            return made.status
        }
        try expectFewRows("the keys", status: 200) { _ in
            try send("GET", "/api/keys", nil, [mine], from: "a").status
        }
        try expectFewRows("the end of a key", status: 204) {
            try send("DELETE", "/api/keys/\(keys[$0 - 1])", nil, [mine], from: "a").status
        }
        var credentials: [String] = []
        let credential: (Int) -> JSON = {
            ["name": .string("c\($0)"), "value": "long enough", "hosts": ["example.org"]]
        }
        try expectFewRows("a new credential", status: 201) { number in
            let made = try send("POST", "/api/credentials", credential(number), [mine], from: "a")
            credentials.append("/api/credentials/\(made.body["id"]?.stringValue ?? "")")
            return made.status
        }
        try expectFewRows("the credentials", status: 200) { _ in
            try send("GET", "/api/credentials", nil, [mine], from: "a").status
        }
        try expectFewRows("a changed credential", status: 200) {
            try send("PUT", credentials[$0 - 1], credential($0 + 100), [mine], from: "a").status
        }
        try expectFewRows("the end of a credential", status: 204) {
            try send("DELETE", credentials[$0 - 1], nil, [mine], from: "a").status
        }
        try expectFewRows("a new password", status: 200) { number in
            let change: JSON = [
                "password": .string("an impression \(number)"),
                "current_password": .string(
                    number == 1 ? CrowdedDatabase.password : "an impression \(number - 1)"),
            ]
            return try send("PATCH", "/me", change, [mine], from: "a").status
        }
    }

    @Test func apiKeysReadFewRows() throws {
        let made = try APIKey.make(
            "key", scopes: [.read], lifetime: 3_600, for: CrowdedDatabase.id(31), AuditTrail(from: nil, on: connection),
            on: connection)
        let key = try #require(made?.key)
        for (key, status) in [(key, 200), (key + "x", 401)] {
            try expectFewRows("a key", status: status) {
                try send("GET", "/me", nil, [("authorization", "Bearer " + key)], from: "7:\($0)").status
            }
        }
    }

    @Test func externalTokensReadFewRows() throws {
        for subject in ["subject32", "new"] {
            try expectFewRows(subject, status: 200) { number in
                let name = subject == "new" ? "new-subject\(number)" : subject
                let token = crowded.externalToken(of: name, now: Int64(time(nil)))
                return try send("GET", "/me", nil, [("authorization", "Bearer " + token)], from: "8").status
            }
        }
    }

    @Test(arguments: ["/health", "/ready", "/api/task-types"])
    func publicEndpointsReadFewRows(target: String) throws {
        try expectFewRows(target, status: 200) { _ in try send("GET", target, from: "9").status }
    }

    /// The commands that take the name of an account.
    @Test func commandsReadFewRows() throws {
        let users = UserAdministration(
            on: connection, passwords: crowded.services.passwords, welcome: crowded.services.welcome)
        try connection.execute(
            "UPDATE users SET deleted_at = now(), disabled_at = now() WHERE id = \(CrowdedDatabase.id(40))")
        func expectFewRows(_ what: String, _ command: (Int) throws -> Void) throws {
            try self.expectFewRows(what) { number in
                try command(number)
                return nil
            }
        }
        try expectFewRows("add") { try users.add("added\($0)", password: "lasting impression", isAdmin: false) }
        try expectFewRows("password") { try users.resetPassword(of: "user4\($0)", to: "a new impression") }
        try expectFewRows("disable") { try users.disable("user4\($0)@example.org") }
        try expectFewRows("enable") { try users.enable("USER4\($0)") }
        try expectFewRows("first admin") { number in
            let isNew = try users.addFirstAdmin("admin\(number)@example.org") { "lasting impression" }
            #expect(isNew)
        }
        for email in ["USER50@example.org", "user40@example.org"] {
            try expectFewRows("first admin \(email)") { _ in
                let isNew = try users.addFirstAdmin(email) { "lasting impression" }
                #expect(!isNew)
            }
        }
        try expectFewRows("seed-demo") { _ in
            try DemoProfile.seed(
                clientPassword: "lasting impression", adminPassword: "lasting impression",
                passwords: crowded.services.passwords, welcome: crowded.services.welcome, on: connection)
        }
    }
}
