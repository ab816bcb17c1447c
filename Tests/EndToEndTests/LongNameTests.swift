import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Names, passwords and codes that are too long are rejected before any lookup or hashing.
@Suite struct LongNameTests {
    /// A separate stack, because the test locks the table of users.
    let stack: Stack

    init() throws { stack = try Stack() }

    private static func text(_ count: Int) -> JSON { .string(String(repeating: "x", count: count)) }

    /// They block no thread.
    @Test func eightConcurrentRequestsBlockNoOther() throws {
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
