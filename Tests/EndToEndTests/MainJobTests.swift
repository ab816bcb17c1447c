import JSON
import TestSupport
import Testing

/// The main use case through nginx: log in, run a chain of tasks, get the response and read the record of the run.
@Suite struct MainJobTests {
    let stack: Stack

    init() throws { stack = try Stack.shared.get() }

    @Test func runsTheDemoChainAndRecordsIt() throws {
        let token = try stack.token()
        let answer = try stack.post("/flow-manager", .demoFlow, token: token)
        #expect(answer.status == 200)
        #expect(answer["message"] == "Task completed successfully!")
        #expect(
            answer["result"] == [
                "name": "result", "value": ["count": 4, "sum": 29, "min": 3, "max": 13, "mean": 7.25],
            ])
        let id = try #require(answer["execution_id"].stringValue)

        let execution = try stack.get("/api/executions/\(id)", token: token)
        #expect(execution["status"] == "completed")
        #expect(execution["result"] == answer["result"])
        #expect(execution["steps"].arrayValue?.map { $0["task"] } == ["task1", "task2", "task3"])

        let document = try stack.get("/api/data/result", token: token)
        #expect(document["value"]["sum"] == 29)
    }
}
