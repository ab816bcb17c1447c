import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Texts that are too long to be a name, a password or a code are refused before anything is looked up or hashed.
@Suite struct LongNameTests {
    /// One of its own: its users are locked.
    let stack: Stack

    init() throws { stack = try Stack() }

    private static func text(_ count: Int) -> JSON { .string(String(repeating: "x", count: count)) }

    @Test func areRefusedWithoutALookUp() throws {
        let user = try stack.makeUser()
        let held = try HeldRows("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", in: stack.database)
        let cases: [(member: String, longest: Int)] = [
            ("email", 254), ("username", 254), ("password", 1_024), ("otp", 100), ("grant_type", 1_024),
            ("scope", 1_024), ("client_id", 1_024), ("client_secret", 1_024),
        ]
        for (member, longest) in cases {
            for count in [longest + 1, 2_000, 900_000] {
                var body = JSONObject([.init(name: "password", value: .string(user.password))])
                if member != "email" { body["username"] = .string(user.email) }
                body[member] = Self.text(count)
                let answer = try stack.post("/login", .object(body))
                expectProblem(answer, 422, "validation_failed", "\(member) of \(count)")
                #expect(pointers(answer) == ["/" + member])
            }
        }
        expectProblem(
            try stack.post("/login", ["username": Self.text(1 << 20), "password": "lasting impression"]), 413)
        for path in ["/register", "/create_user"] {
            let password: JSON = ["email": .string(unique("long") + "@example.org"), "password": Self.text(900_000)]
            #expect(pointers(try stack.post(path, password)) == ["/password"])
            let name: JSON = [
                "email": .string(unique("long") + "@example.org"), "password": "lasting impression",
                "name": Self.text(900_000),
            ]
            #expect(pointers(try stack.post(path, name)) == ["/name"])
        }
        #expect(pointers(try stack.post("/refresh", ["refresh_token": Self.text(900_000)])) == ["/refresh_token"])
        held.release()
    }

    /// No thread is held up by them.
    @Test func eightAtOnceLeaveOthersAlone() throws {
        let held = try HeldRows("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", in: stack.database)
        let body: JSON = ["username": Self.text(900_000), "password": "lasting impression"]
        let message = stack.client.message(
            "POST", "/login", headers: [("Content-Type", "application/json")], body: body.serialized())
        let calls = try (0..<8).map { _ in try stack.client.begin(message) }
        #expect(try stack.get("/health").status == 200)
        let answers = try calls.map { try stack.client.finish($0) }
        #expect(answers.map(\.status) == Array(repeating: 422, count: 8))
        held.release()
    }
}
