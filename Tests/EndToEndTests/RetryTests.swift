import HTTP
import JSON
import TestSupport
import Testing

/// Steps that are retried.
@Suite struct RetryTests {
    let caller: RunCaller

    init() throws { caller = try RunCaller(Stack.shared.get()) }

    private func failing(_ retry: JSON, _ type: String = "fail", _ input: JSON = [:]) -> JSON {
        .task("a", type, input).with(["retry": retry])
    }

    private func expect(_ run: JSON, attempts: Int64, atLeast milliseconds: Double, _ code: JSON = "failed") {
        #expect(run["status"] == "failed" && run["error"]?["code"] == code, "\(run.text)")
        #expect(run["steps"]?.each("attempts") == [.integer(attempts)])
        let duration = run["steps"]?.arrayValue?.first?["duration_ms"]?.doubleValue ?? 0
        #expect(duration >= milliseconds)
    }

    @Test func stepIsRetriedByItsPolicy() throws {
        let retry: JSON = ["max_attempts": 3, "initial_delay": 0.2, "factor": 2, "jitter": 0]
        let id = try caller.start(keeping: .flow([failing(retry)]))
        let waiting = try caller.wait(id)
        #expect(waiting["steps"]?.each("status") == ["waiting"])
        #expect(waiting["steps"]?.each("error").first?["code"] == "failed")
        expect(try caller.end(id), attempts: 3, atLeast: 600)
        let single = try caller.end(caller.start(keeping: .flow([failing(["max_attempts": 1, "initial_delay": 60])])))
        expect(single, attempts: 1, atLeast: 0)
        let none: JSON = ["max_attempts": 4, "initial_delay": 0, "jitter": 0]
        expect(try caller.end(caller.start(keeping: .flow([failing(none)]))), attempts: 4, atLeast: 350)
    }

    @Test func invalidInputIsNotRetried() throws {
        let retry: JSON = ["max_attempts": 5, "initial_delay": 60]
        for (type, input) in [
            ("wait", [:]), ("calc.addition", ["arguments": 1]), ("data.store", ["name": 1, "value": 1]),
        ]
            as [(String, JSON)]
        {
            let task = JSON.task("a", type).with(["retry": retry])
            expect(
                try caller.end(caller.start(keeping: .flow([task], input: input))), attempts: 1, atLeast: 0,
                "invalid_input")
        }
    }

    /// The timeout of a waiting step applies to the whole step.
    @Test func expiredWaitIsNotRetried() throws {
        let task = failing(["max_attempts": 5, "initial_delay": 60], "approval").with(["timeout": 0.2])
        expect(try caller.end(caller.start(keeping: .flow([task]))), attempts: 1, atLeast: 200, "timeout")
    }

    /// The response to a call with a retried step comes when the run has ended, or earlier with the run's location.
    @Test func stepOfACallIsRetried() throws {
        let retry: JSON = ["max_attempts": 2, "initial_delay": 0.1, "jitter": 0]
        let flow = JSON.chain([
            .task("s", "data.store", ["name": "before", "value": 1]), failing(retry),
        ])
        let key = [("Idempotency-Key", "retried")]
        let answer = try caller.post("/flow-manager", flow, headers: key)
        #expect([202, 422].contains(answer.status), "\(answer.text)")
        let id = try #require((answer["execution_id"].stringValue ?? answer["id"].stringValue))
        let run = try caller.end(id)
        #expect(run["status"] == "failed" && run["steps"]?.each("attempts") == [1, 2])
        let repeated = try caller.post("/flow-manager", flow, headers: key)
        #expect(repeated.status == 422 && repeated["execution_id"] == .string(id), "\(repeated.text)")
        #expect(repeated["status"] == "failed" && repeated["executed_tasks"].each("attempt") == [1, 2])
        #expect(repeated.headers["idempotency-replayed"] == "true")
    }

    /// The cause of the failure is removed between two attempts.
    @Test func retrySucceedsAfterTheCauseIsRemoved() throws {
        let retry: JSON = ["max_attempts": 50, "initial_delay": 0.1, "factor": 1, "jitter": 0]
        let task = failing(retry, "data.fetch", ["name": "late"])
        let id = try caller.start(keeping: .chain([task, .task("b", "pass")]))
        _ = try caller.wait(id)
        let stored = try caller.stack.send("PUT", "/api/data/late", ["value": 5], token: caller.user.token)
        #expect(stored.status == 200)
        let run = try caller.end(id)
        #expect(run["status"] == "completed" && run["result"] == 5)
        #expect(run["steps"]?.each("error") == [.null, .null])
        #expect(run["steps"]?.arrayValue?.first?["attempts"]?.integerValue ?? 0 > 1)
    }
}
