import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Concurrent requests with the same `Idempotency-Key`.
@Suite struct IdempotencyRaceTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func message(_ path: String, _ body: JSON, key: String = "race") -> [UInt8] {
        let headers = [stack.bearer(user.token), ("Content-Type", "application/json"), ("Idempotency-Key", key)]
        return stack.client.message("POST", path, headers: headers, body: body.serialized())
    }

    /// Sends the request; `client.finish` reads its response.
    private func begin(_ path: String, _ body: JSON, key: String = "race") throws -> Int32 {
        try stack.client.begin(message(path, body, key: key))
    }

    private static let calls: [(path: String, body: JSON, table: SQL)] = [
        (
            "/flow-manager", .chain([.task("a", "pass"), .task("b", "data.store", ["name": "race", "value": 1])]),
            "executions"
        ),
        ("/flow-manager", .flow([.task("a", "random.string", ["length": 9])]), "executions"),
        (
            "/flow-manager",
            .chain([
                .task("a", "data.store", ["name": "one", "value": 1]),
                .task("b", "data.store", ["name": "two", "value": 2]),
            ]),
            "executions"
        ),
        ("/posts", ["title": "a", "content": "b"], "posts"),
        ("/generate_array", ["sentence": "a"], "idempotency_keys"),
    ]

    @Test(arguments: calls.indices)
    func concurrentRequestsHaveOneEffect(call: Int) throws {
        let (path, body, table) = IdempotencyRaceTests.calls[call]
        let answers = try stack.client.exchange(atOnce: Array(repeating: message(path, body), count: 50))
        let successful = answers.filter { [200, 201].contains($0.status) }
        #expect(Set(successful.map(\.body)).count == 1)
        #expect(successful.count { $0.headers["idempotency-replayed"] == nil } == 1)
        let id = try #require(successful.first)["execution_id"].stringValue ?? ""
        for answer in answers where ![200, 201].contains(answer.status) {
            #expect([202, 409].contains(answer.status), "\(answer.text)")
            if answer.status == 202 { #expect(answer.headers["location"] == "/api/executions/\(id)") }
        }
        let rows = try stack.database.connect().query("SELECT count(*) FROM \(table) WHERE user_id = \(user.id)")
        #expect(try rows.only.decode(Int.self) == 1)
        if path == "/generate_array" {
            let next = try stack.post(path, body, token: user.token)
            #expect(next.headers["ratelimit"]?.hasPrefix("\"array\";r=8;") == true)
        }
        #expect(try stack.client.finish(try begin(path, body)).body == successful.first?.body)
    }

    /// While the first request waits, the second one gets the location of the run.
    @Test func secondRequestGetsTheLocationOfTheRun() throws {
        #expect(try stack.send("PUT", "/api/data/second", ["value": 0], token: user.token).status == 200)
        let held = try HeldRows(
            "UPDATE documents SET value = '1' WHERE user_id = \(user.id) AND name = 'second'", in: stack.database)
        let flow = JSON.chain([
            .task("a", "data.store", ["name": "first", "value": 1]),
            .task("b", "data.store", ["name": "second", "value": 2]),
        ])
        let first = try begin("/flow-manager", flow)
        try held.waitUntilWanted()
        let second = try stack.client.finish(try begin("/flow-manager", flow))
        held.release()
        let answer = try stack.client.finish(first)
        #expect(answer.status == 200)
        let id = try #require(answer["execution_id"].stringValue)
        #expect(second.status == 202)
        #expect(second.headers["location"] == "/api/executions/\(id)")
        #expect(second.json == ["id": .string(id), "status": "running"])
        #expect(try stack.client.finish(try begin("/flow-manager", flow)).body == answer.body)
    }

    @Test(arguments: [0, 3])
    func secondRequestTimesOutWaitingForTheFirst(call: Int) throws {
        let (path, body, _) = IdempotencyRaceTests.calls[call]
        let held = try HeldRows(
            """
            INSERT INTO idempotency_keys (user_id, method, path, key, body_digest)
            VALUES (\(user.id), 'POST', \(path), 'race', '')
            """, in: stack.database)
        let answer = try stack.client.finish(try begin(path, body))
        expectProblem(answer, 409, "idempotency_in_progress")
        #expect(answer.headers["retry-after"] == "1")
        // The first request had no effect, so the next one is executed.
        held.release()
        let next = try stack.client.finish(try begin(path, body))
        #expect(next.status < 300)
        #expect(next.headers["idempotency-replayed"] == nil)
    }
}
