import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// What a call changes of a run with large outputs is decided without them.
@Suite struct LargeRunTests {
    private let application: TestApplication
    private let owner: Connection
    /// Of the calls; not through a pooler: the test needs the counters of its session.
    private let connection: Connection
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        owner = application.database.connect()
        connection = application.database.connect()
        user = try application.makeUser()
    }

    private func reply(_ method: String, _ path: String, _ body: JSON? = nil) -> Reply {
        let headers = [application.bearer(user.token)] + (body == nil ? [] : [("Content-Type", "application/json")])
        return application.reply(
            to: Request(method, "/api/executions/\(path)", headers), body: body?.serialized() ?? [], over: connection)
    }

    private func status(_ method: String, _ path: String, _ body: JSON? = nil) -> Int {
        let reply = reply(method, path, body)
        reply.onSent?()
        return reply.initial.status.rawValue
    }

    /// A run that waits for an approval, after a step with an output of 3 MB that is stored compressed.
    private func waitingRun() throws -> String {
        let flow = JSON.chain([.task("a", "pass"), .task("b", "approval", ["message": "?"])])
        let run = try application.post("/flow-manager", flow, token: user.token, headers: [("Prefer", "wait=0")])
        let id = try #require(run["id"].stringValue, "\(run.text)")
        try application.work()
        try owner.execute(
            "UPDATE steps SET output = to_json(repeat('x', 3000000)) WHERE execution_id = \(id) AND seq = 1")
        return id
    }

    /// The blocks of large values read so far.
    private func blocks() throws -> Int {
        try connection.execute("SELECT pg_stat_force_next_flush()")
        return try owner.query(
            "SELECT coalesce(sum(toast_blks_read + toast_blks_hit), 0)::bigint FROM pg_statio_user_tables"
        ).only.decode(Int.self)
    }

    @Test func interventionsAreNotRefusedWhileLargeRecordsAreRead() throws {
        let (first, second) = (try waitingRun(), try waitingRun())
        let reads = (0..<2).map { _ in reply("GET", first) }
        #expect(reads.allSatisfy { $0.initial.status == .ok && $0.onSent != nil })
        #expect(status("GET", first) == 429 && status("POST", first + "/fork", ["step": 1]) == 429)
        let cancellation = reply("POST", first + "/cancel", [:])
        cancellation.onSent?()
        let canceled = HTTPAnswer(cancellation.initial)
        #expect(canceled.status == 200 && canceled["status"] == "canceled", "\(canceled.text.prefix(500))")
        #expect(canceled["steps"].each("output").first?.stringValue?.utf8.count == 3_000_000)
        #expect(status("POST", first + "/resume", [:]) == 202)
        #expect(status("POST", second + "/signal", ["step": 2, "approved": true]) == 202)
        try application.work()
        #expect(status("DELETE", second) == 204)
        for read in reads { read.onSent?() }
    }

    @Test func interventionsReadNoOutputs() throws {
        let (first, second) = (try waitingRun(), try waitingRun())
        #expect(status("POST", first + "/cancel", [:]) == 200)
        let before = try blocks()
        #expect(status("POST", first + "/cancel", [:]) == 409)
        #expect(status("POST", first + "/resume", [:]) == 202)
        #expect(status("DELETE", first) == 409)
        #expect(status("POST", second + "/signal", ["step": 2, "approved": true]) == 202)
        #expect(try blocks() == before)
        #expect(status("GET", second) == 200)
        #expect(try blocks() > before)
    }

    /// The own input of a task is part of each of its steps.
    @Test func inputsOfStepsMakeARecordLarge() throws {
        let input = JSON.string(String(repeating: "x", count: 300_000))
        let run = try application.post("/flow-manager", .chain([.task("a", "pass", input)]), token: user.token)
        let id = try #require(run["id"].stringValue, "\(run.text)")
        try owner.execute("UPDATE steps SET output = '1' WHERE execution_id = \(id)")
        #expect(reply("GET", id).onSent == nil)
        try owner.execute(
            """
            INSERT INTO steps (execution_id, seq, task, type, status, attempt, output, started_us, duration_us)
            SELECT execution_id, n, task, type, status, attempt, output, started_us, duration_us
            FROM steps, generate_series(2, 8) AS n WHERE execution_id = \(id)
            """)
        let reads = (0..<2).map { _ in reply("GET", id) }
        #expect(reads.allSatisfy { $0.initial.status == .ok && $0.onSent != nil })
        #expect(status("GET", id) == 429)
        for read in reads { read.onSent?() }
        #expect(status("GET", id) == 200)
    }
}
