import Glibc
import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

/// Responses that wait for the end of a run.
@Suite struct WaitingTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    @Test func callIsAnsweredAtTheEndOfItsRun() throws {
        let flow = JSON.chain([.task("a", "wait", ["seconds": 0.2]), .task("b", "pass", 7)])
        let answer = try stack.post("/flow-manager", flow, token: user.token)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer["message"] == "Task completed successfully!" && answer["result"] == 7)
        #expect(answer["executed_tasks"].each("task_name") == ["a", "b"])
        #expect(answer.headers["x-request-id"] != nil && answer.headers["cache-control"] == "no-store")

        let failing = JSON.chain([.task("a", "wait", ["seconds": 0]), .task("b", "fail")])
        let failed = try stack.post("/flow-manager", failing, token: user.token)
        #expect(failed.status == 422 && failed["status"] == "failed", "\(failed.text)")
    }

    @Test func waitsNoLongerThanTheCallerPrefers() throws {
        let start = Monotonic.now
        let answer = try stack.post(
            "/flow-manager", .approval, token: user.token, headers: [("Prefer", "respond-async, wait=1")])
        let time = Monotonic.now - start
        #expect(answer.status == 202, "\(answer.text)")
        #expect(answer.headers["location"] == "/api/executions/\(answer["id"].stringValue ?? "")")
        #expect(answer["status"] == "waiting")
        #expect(time >= .seconds(1) && time < .seconds(10), "\(time)")
        // The run stays active.
        let id = try #require(answer["id"].stringValue)
        #expect(try stack.get("/api/executions/\(id)", token: user.token)["status"] == "waiting")
    }

    @Test func doesNotWaitIfTheCallerPrefersNoWait() throws {
        let start = Monotonic.now
        for (preference, applied) in [
            ("wait=0", "wait=0"), ("handling=lenient, WAIT=0", "wait=0"), ("respond-async", "respond-async"),
        ] {
            let answer = try stack.post(
                "/flow-manager", .approval, token: user.token, headers: [("Prefer", preference)])
            #expect(answer.status == 202, "\(preference) \(answer.text)")
            #expect(answer.headers["preference-applied"] == applied)
        }
        #expect(Monotonic.now - start < .seconds(20))
    }

    @Test(arguments: ["respond-async=1", "wait", "wait=soon", "wait=-3", "", "\u{1F600}=1"])
    func ignoresUnknownPreferences(preference: String) throws {
        let flow = JSON.flow([.task("a", "wait", ["seconds": 0])])
        let answer = try stack.post("/flow-manager", flow, token: user.token, headers: [("Prefer", preference)])
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.headers["preference-applied"] == nil)
    }

    @Test func signaledRunAnswersTheCall() throws {
        let call = try stack.begin(.approval, of: user, [("Prefer", "wait=40")])
        try stack.signal(try #require(try stack.waiting(1, of: user).first), of: user, "yes")
        let answer = try stack.client.finish(call)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer["result"]["data"] == "yes")
    }

    @Test func canceledRunAnswersTheCall() throws {
        let call = try stack.begin(.approval, of: user)
        let id = try #require(try stack.waiting(1, of: user).first)
        #expect(try stack.send("POST", "/api/executions/\(id)/cancel", token: user.token).status == 200)
        let answer = try stack.client.finish(call)
        #expect(answer.status == 422 && answer["status"] == "canceled", "\(answer.text)")
    }

    @Test func workflowExecutionWaitsOnDemand() throws {
        let flow = JSON.flow([.task("a", "wait", ["seconds": 0.2])])["flow"] ?? .null
        let created = try stack.post("/api/workflows", ["name": "w", "flow": flow], token: user.token)
        let path = "\(try #require(created.headers["location"]))/execute"
        let accepted = try stack.post(path, [:], token: user.token)
        #expect(accepted.status == 202 && accepted["status"] == "queued", "\(accepted.text)")
        #expect(accepted.headers["location"] == "/api/executions/\(accepted["id"].stringValue ?? "")")
        let ended = try stack.post(path, [:], token: user.token, headers: [("Prefer", "wait=20")])
        #expect(ended.status == 200, "\(ended.text)")
        #expect(ended["status"] == "completed" && ended["workflow_id"] == created["id"])
        let target = "/api/executions/\(ended["id"].stringValue ?? "")"
        #expect(try stack.get(target, token: user.token).json == ended.json)
    }

    @Test(.enabled(if: TestDatabase.givesSessions)) func quickRunIsAnsweredQuickly() throws {
        let quick = JSON.flow([.task("a", "wait", ["seconds": 0])])
        let times = try (0..<10).map { _ in
            try duration {
                let answer = try stack.post("/flow-manager", quick, token: user.token)
                #expect(answer.status == 200, "\(answer.text)")
            }
        }
        #expect(times.sorted()[5] < .milliseconds(500), "\(times)")
    }

    /// Ends of runs are notified: polling would take up to a second to find each of them.
    @Test(.enabled(if: TestDatabase.givesSessions)) func endOfARunIsAnsweredImmediately() throws {
        var calls: [(id: String, descriptor: Int32)] = []
        for number in 1...10 {
            let descriptor = try stack.begin(.approval, of: user)
            let ids = try stack.waiting(number, of: user).filter { id in !calls.contains { $0.id == id } }
            calls.append((try #require(ids.first), descriptor))
        }
        let times = try calls.map { call in
            try duration {
                try stack.signal(call.id, of: user)
                let answer = try stack.client.finish(call.descriptor)
                #expect(answer.status == 200 && answer["execution_id"] == .string(call.id), "\(answer.text)")
            }
        }
        #expect(times.sorted()[5] < .milliseconds(400), "\(times)")
    }

    private func duration(of body: () throws -> Void) rethrows -> Duration {
        let start = Monotonic.now
        try body()
        return Monotonic.now - start
    }

    /// The state of a call is removed when its client disconnects, though the run continues.
    @Test(.enabled(if: TestDatabase.givesSessions)) func callOfADisconnectedClientIsRemoved() throws {
        let call = try stack.begin(.approval, of: user, [("Prefer", "wait=50")])
        let id = try #require(try stack.waiting(1, of: user).first)
        let connection = stack.database.connect()
        func watchers() throws -> Int {
            try connection.query("SELECT 1 FROM watchers WHERE execution_id = \(id)").count
        }
        try eventually("the run is watched") { try watchers() == 1 }
        close(call)
        try eventually("the run is not watched any more") { try watchers() == 0 }
        #expect(try stack.get("/api/executions/\(id)", token: user.token)["status"] == "waiting")
    }

    /// A CGI process (RFC 3875) handles one request, and waits too.
    @Test func cgiProcessWaitsForTheRun() throws {
        let body = JSON.flow([.task("a", "wait", ["seconds": 0.2])]).text
        let variables = [
            "REQUEST_METHOD": "POST", "REQUEST_URI": "/flow-manager", "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "\(body.utf8.count)",
            "HTTP_AUTHORIZATION": "Bearer \(user.token)",
        ]
        let result = try stack.command(["respond"], settings: variables, input: body)
        #expect(result.status == 0)
        #expect(result.output.hasPrefix("Status: 200"), "\(result.output)")
        #expect(result.output.contains("Task completed successfully!"))
    }
}
