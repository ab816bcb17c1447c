import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Names, passwords and codes that are too long are refused before a lookup or a hash.
@Suite struct LongNameTests {
    private let application: TestApplication

    init() throws { application = try TestApplication() }

    private static func text(_ count: Int) -> JSON { .string(String(repeating: "x", count: count)) }

    @Test func longTextsAreRefusedWithoutALookup() throws {
        let user = try application.makeUser()
        let held = try HeldRows("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", in: application.database)
        let cases: [(member: String, longest: Int)] = [
            ("email", 254), ("username", 254), ("password", 1_024), ("otp", 100), ("grant_type", 1_024),
            ("scope", 1_024), ("client_id", 1_024), ("client_secret", 1_024),
        ]
        for (member, longest) in cases {
            for count in [longest + 1, 2_000, 900_000] {
                var body = JSONObject([.init(name: "password", value: .string(user.password))])
                if member != "email" { body["username"] = .string(user.email) }
                body[member] = Self.text(count)
                let answer = try application.post("/login", .object(body))
                expectProblem(answer, 422, "validation_failed", "\(member) of \(count)")
                #expect(pointers(answer) == ["/" + member])
            }
        }
        expectProblem(
            try application.post("/login", ["username": Self.text(1 << 20), "password": "lasting impression"]), 413)
        for path in ["/register", "/create_user"] {
            let password: JSON = ["email": .string(unique("long") + "@example.org"), "password": Self.text(900_000)]
            #expect(pointers(try application.post(path, password)) == ["/password"])
            let name: JSON = [
                "email": .string(unique("long") + "@example.org"), "password": "lasting impression",
                "name": Self.text(900_000),
            ]
            #expect(pointers(try application.post(path, name)) == ["/name"])
        }
        #expect(pointers(try application.post("/refresh", ["refresh_token": Self.text(900_000)])) == ["/refresh_token"])
        held.release()
    }
}
