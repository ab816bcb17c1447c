import Glibc
import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

/// Waiting calls under load, during reloads and shutdowns, and without notifications or a database.
@Suite struct WaitingStackTests {
    /// Four threads in all, and 25 times as many waiting calls.
    @Test func waitingCallsOccupyNoThread() throws {
        let stack = try Stack(settings: ["RESPONDERS": "2", "THREADS": "2", "USER_CONCURRENCY": "off"])
        let user = try stack.makeUser()
        let calls = try (0..<100).map { number in
            try stack.begin(
                ["flow": .object(with(JSON.approval["flow"], "name", .string("flow \(number)")))], of: user)
        }
        let ids = try stack.waiting(100, of: user)
        let start = Monotonic.now
        for _ in 0..<10 {
            #expect(try stack.get("/health").status == 200)
            #expect(try stack.get("/me", token: user.token).status == 200)
        }
        #expect(Monotonic.now - start < .seconds(10), "the calls themselves wait for 50 s")
        for id in ids.shuffled() { try stack.signal(id, of: user, .string(id)) }
        let answers = try calls.map { try stack.client.finish($0) }
        #expect(answers.allSatisfy { $0.status == 200 }, "\(answers.map(\.text))")
        #expect(answers.map { $0["flow_name"] } == (0..<100).map { .string("flow \($0)") })
        #expect(answers.allSatisfy { $0["execution_id"] == $0["result"]["data"] })
        #expect(Set(answers.compactMap { $0["execution_id"].stringValue }) == Set(ids))
        #expect(![" warning ", " error "].contains { stack.log.contains($0) }, "\(stack.log)")
    }

    /// Calls that wait for large records have a thread of their own.
    @Test func callsThatWaitForLargeRecordsAreAnswered() throws {
        let stack = try Stack(settings: ["RESPONDERS": "1"])
        let user = try stack.makeUser()
        let arrays = (0..<8).map { JSON.task("t\($0)", "random.array", ["n": 10_000]) }
        let large = JSON.chain(arrays + [.task("approval", "approval")])
        let calls = try [large, large, .approval].map { try stack.begin($0, of: user) }
        for id in try stack.waiting(3, of: user) { try stack.signal(id, of: user, .string(id)) }
        let answers = try calls.map { try stack.client.finish($0) }
        #expect(answers.map(\.status) == [200, 200, 200])
        #expect(answers.map { $0.text.utf8.count > 1 << 20 } == [true, true, false])
        #expect(answers.allSatisfy { $0["execution_id"] == $0["result"]["data"] })
    }

    private func with(_ body: JSON?, _ name: String, _ value: JSON) -> JSONObject {
        var object = body?.objectValue ?? JSONObject()
        object[name] = value
        return object
    }

    /// On a reload and on shutdown, a responder answers its waiting calls with the locations of their runs.
    @Test(arguments: [SIGHUP, SIGTERM]) func exitingResponderAnswersItsWaitingCalls(signal: Int32) throws {
        let stack = try Stack()
        let user = try stack.makeUser()
        let calls = try (0..<8).map { _ in try stack.begin(.approval, of: user) }
        let ids = try stack.waiting(8, of: user)
        let supervisor = try #require(stack.processes.first { $0.arguments.dropFirst().first == "serve" })
        let start = Monotonic.now
        kill(supervisor.id, signal)
        let answers = try calls.map { try stack.client.finish($0) }
        #expect(answers.allSatisfy { $0.status == 202 }, "\(answers.map(\.text))")
        #expect(
            Set(answers.compactMap { $0.headers["location"] }) == Set(ids.map { "/api/executions/\($0)" }))
        #expect(Monotonic.now - start < .seconds(20))
        try stack.waitForLog {
            stack.log.split(separator: "\n").count { $0.contains(" responder-exited") } == 2
        }
        #expect(!stack.log.contains("overdue"), "\(stack.log)")
        #expect(try stack.database.connect().query("SELECT 1 FROM watchers").count == 0)
        if signal == SIGHUP {
            try stack.signal(try #require(ids.first), of: user)
            #expect(try stack.post("/flow-manager", .quick, token: user.token).status == 200)
        }
    }

    /// Behind a pooler there are no notifications, so that ends of runs are found by polling.
    @Test func waitingWorksWithoutNotifications() throws {
        let stack = try Stack(settings: ["DB_PREPARE": "off"])
        let user = try stack.makeUser()
        #expect(try stack.post("/flow-manager", .quick, token: user.token).status == 200)
        let call = try stack.begin(.approval, of: user)
        try stack.signal(try #require(try stack.waiting(1, of: user).first), of: user, 1)
        #expect(try stack.client.finish(call)["result"]["data"] == 1)
        let timedOut = try stack.post("/flow-manager", .approval, token: user.token, headers: [("Prefer", "wait=1")])
        #expect(timedOut.status == 202)
        #expect(try stack.database.connect().query("SELECT 1 FROM watchers").count == 0)
    }

    /// An end that is not notified because a session is lost is notified in the next session, or found by polling.
    @Test(.enabled(if: TestDatabase.givesSessions)) func waitingSurvivesConnectionLoss() throws {
        let stack = try Stack()
        let user = try stack.makeUser()
        let calls = try (0..<4).map { _ in try stack.begin(.approval, of: user) }
        let ids = try stack.waiting(4, of: user)
        let start = Monotonic.now
        for id in ids {
            try endSessions(by: stack.database.connectAsApplication())
            let target = "/api/executions/\(id)/signal"
            let body: JSON = ["step": 1, "approved": true]
            let answer = try stack.patiently { try stack.post(target, body, token: user.token) }
            #expect(answer.status == 202, "\(answer.text)")
        }
        #expect(try calls.map { try stack.client.finish($0).status } == [200, 200, 200, 200])
        #expect(Monotonic.now - start < .seconds(40), "the calls would time out after 50 s")
    }

    @Test(.enabled(if: TestDatabase.givesSessions)) func waitingEndsWithoutADatabase() throws {
        let stack = try Stack()
        let user = try stack.makeUser()
        let call = try stack.begin(.approval, of: user, [("Prefer", "wait=3")])
        _ = try stack.waiting(1, of: user)
        let (owner, last) = (stack.database.connect(), stack.database.connectAsApplication())
        try last.execute("SELECT 1")
        try owner.execute("ALTER DATABASE \(unsafeRaw: stack.database.name) CONNECTION LIMIT 0")
        try endSessions(by: last)
        expectProblem(try stack.client.finish(call), 503, "unavailable")
        try owner.execute("ALTER DATABASE \(unsafeRaw: stack.database.name) CONNECTION LIMIT -1")
        let answer = try stack.patiently { try stack.post("/flow-manager", .quick, token: user.token) }
        #expect(answer.status == 200, "\(answer.text)")
        try stack.waitForLog { stack.log.contains("completions-unavailable") }
        #expect(stack.log.split(separator: "\n").count { $0.contains("completions-unavailable") } == 1)
    }

    /// Ends all sessions of the application except this one.
    private func endSessions(by connection: Connection) throws {
        try connection.execute(
            """
            SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
            WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
            """)
    }
}

extension JSON {
    /// A flow that a worker completes quickly.
    fileprivate static let quick = flow([.task("a", "wait", ["seconds": 0])])
}
