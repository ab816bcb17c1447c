import Glibc
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// A client that has sent its call may end its sending side (`shutdown`), as simple clients do, and gets the answer.
@Suite struct HalfClosedTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func begin(_ method: String, _ target: String, _ body: JSON? = nil) throws -> Int32 {
        let headers = [stack.bearer(user.token), ("Content-Type", "application/json")]
        return try stack.client.begin(
            stack.client.message(method, target, headers: headers, body: body?.serialized()))
    }

    @Test func everyCallIsAnswered() throws {
        let calls: [(method: String, target: String, body: JSON?, status: Int)] = [
            ("GET", "/health", nil, 200), ("GET", "/me", nil, 200), ("GET", "/nowhere", nil, 404),
            ("PUT", "/api/data/half", ["value": 1], 200), ("DELETE", "/health", nil, 405),
            ("POST", "/flow-manager", .demoFlow, 200), ("POST", "/posts", ["title": "a", "content": "b"], 201),
        ]
        for call in calls {
            let descriptor = try begin(call.method, call.target, call.body)
            shutdown(descriptor, Int32(SHUT_WR))
            let answer = try stack.client.finish(descriptor)
            #expect(answer.status == call.status, "\(call.method) \(call.target)")
        }
    }

    @Test func aCallThatTakesLongerIsAnswered() throws {
        #expect(try stack.send("PUT", "/api/data/result", ["value": 0], token: user.token).status == 200)
        let held = try HeldRows("UPDATE documents SET value = '1' WHERE user_id = \(user.id)", in: stack.database)
        let call = try begin("POST", "/flow-manager", .demoFlow)
        try held.waitUntilWanted()
        shutdown(call, Int32(SHUT_WR))
        // nginx has seen the end of the sending side when it has answered a later call.
        for _ in 0..<20 { #expect(try stack.get("/health").status == 200) }
        held.release()
        let answer = try stack.client.finish(call)
        #expect(answer.status == 200 && answer["result"]["value"]?["sum"] == 29, "\(answer.text)")
    }
}
