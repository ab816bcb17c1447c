import Crypto
import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// With a year of runs, the statements of calls and workers read no table as a whole, and of a run that they name one
/// partition. The test reads the database's counters.
@Suite(.serialized) struct HistoryCostTests {
    private let application: TestApplication
    private let connection: Connection
    private let owner: Connection
    private let user: TestUser
    /// Runs of all months, the oldest first.
    private var old: [String] = []

    init() throws {
        application = try TestApplication()
        try application.database.makePastMonths()
        // Not through a pooler: the test needs the counters of its session.
        connection = application.database.connect()
        owner = application.database.connect()
        user = try application.makeUser()
        try owner.execute(
            """
            WITH runs AS (
                INSERT INTO executions (id, user_id, flow, flow_id, flow_name, input, status, created_at, finished_at)
                SELECT overlay(first_id(moment)::text PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, \(user.id),
                    '{"id":"f","name":"n"}', 'f', 'n', '{}',
                    (CASE n % 3 WHEN 0 THEN 'failed' ELSE 'completed' END)::run_status, moment, moment
                FROM (SELECT n, now() - n * interval '25 minutes' AS moment FROM generate_series(1, 20000) n) times
                RETURNING id)
            INSERT INTO steps (execution_id, seq, task, type, status, attempt, output, started_us, duration_us)
            SELECT id, seq, 'a', 'pass', 'success', 1, '{}', 1, 1 FROM runs, generate_series(1, 2) seq
            """)
        try owner.execute("ANALYZE")
        old = try owner.query("SELECT id FROM executions WHERE status = 'completed' ORDER BY id").map {
            try $0.decode(String.self)
        }
        // What this session has read is counted now, and not during a test.
        try owner.execute("SELECT pg_stat_force_next_flush()")
    }

    private struct Reads {
        /// Of whole tables.
        let scans: Int
        /// Rows of the history.
        let rows: Int
        /// Searches in the indexes of each partition.
        let searches: [String: Int]
    }

    private func reads() throws -> Reads {
        try connection.execute("SELECT pg_stat_force_next_flush()")
        let (scans, rows) = try owner.query(
            """
            SELECT coalesce(sum(seq_scan), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint FROM pg_stat_user_tables
            WHERE relname ~ '^(executions|steps|queue)'
            """
        ).only.decode(Int.self, Int.self)
        var searches: [String: Int] = [:]
        for row in try owner.query(
            "SELECT relname, idx_scan FROM pg_stat_user_tables WHERE relname ~ '^(executions|steps)_' AND idx_scan > 0")
        {
            let (name, count) = try row.decode(String.self, Int.self)
            searches[name] = count
        }
        return Reads(scans: scans, rows: rows, searches: searches)
    }

    /// Calls `body` until its plans are generic; each time it may read that many rows, and search that many partitions
    /// of each table.
    private func expectFewReads(
        _ what: String, rows: Int = 60, partitions: Int, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (Int) throws -> Void
    ) throws {
        for number in 0..<8 {
            let before = try reads()
            try body(number)
            let after = try reads()
            #expect(after.scans == before.scans, "\(what)", sourceLocation: sourceLocation)
            #expect(after.rows - before.rows <= rows, "\(what)", sourceLocation: sourceLocation)
            let searched = after.searches.filter { before.searches[$0.key] != $0.value }.keys
            for table in ["executions", "steps"] {
                let names = searched.filter { $0.hasPrefix(table) }
                #expect(names.count <= partitions, "\(what): \(names)", sourceLocation: sourceLocation)
            }
        }
    }

    private func call(_ method: String, _ target: String, _ body: JSON? = nil) -> HTTPAnswer {
        let headers = [application.bearer(user.token), ("Content-Type", "application/json"), ("Prefer", "wait=0")]
        let reply = application.reply(
            to: Request(method, target, headers), body: body?.serialized() ?? [], over: connection)
        return HTTPAnswer(reply.initial)
    }

    @Test func aRunThatIsNamedIsReadFromOnePartition() throws {
        #expect(try owner.query("SELECT FROM history").count >= 13)
        try expectFewReads("read", partitions: 1) { number in
            #expect(call("GET", "/api/executions/\(old[number * 500])").status == 200)
        }
        try expectFewReads("delete", partitions: 1) { number in
            #expect(call("DELETE", "/api/executions/\(old[number * 501])").status == 204)
        }
    }

    /// Children of an old run are of its time.
    @Test func aRunWithChildrenIsReadFromItsMonths() throws {
        try owner.execute(
            """
            WITH parents AS (SELECT id, created_at FROM executions WHERE id = ANY(\(old)::uuid[])),
            children AS (
                INSERT INTO executions (id, user_id, flow, flow_id, flow_name, input, status, created_at, finished_at,
                    parent_id, parent_step)
                SELECT overlay(p.id::text PLACING 'abcd' FROM 20)::uuid, \(user.id), '{"id":"f","name":"n"}', 'f', 'n',
                    '{}', 'completed', p.created_at, p.created_at, p.id, 1
                FROM parents p)
            UPDATE executions SET pins = '{}' WHERE id IN (SELECT id FROM parents)
            """)
        try expectFewReads("read", partitions: 2) { number in
            #expect(call("GET", "/api/executions/\(old[number * 500])").status == 200)
        }
    }

    @Test func aPageReadsAPageOfEachPartition() throws {
        let count = try owner.query("SELECT FROM history").count + 1
        for query in ["", "?status=failed", "?sort=created_at", "?created_at[gte]=2020-01-01T00:00:00Z"] {
            // Of each of six statuses, with and without a parent.
            try expectFewReads(query, rows: 12 * 21 + 12 * count, partitions: count) { _ in
                #expect(call("GET", "/api/executions\(query)")["items"].arrayValue?.count == 20)
            }
        }
    }

    @Test func runsAreExecutedFromTheMonthsOfTheirLifetime() throws {
        let engine = application.services.engine
        let count = try owner.query(
            "SELECT FROM history WHERE after > first_id(now() - interval '30 days')"
        ).count
        #expect(count < 6)
        try expectFewReads("queue and execute", partitions: count + 1) { _ in
            let answer = call("POST", "/flow-manager", .chain([.task("a", "pass"), .task("b", "approval")]))
            #expect(answer.status == 202, "\(answer.text)")
            let claim = try #require(try engine.claim(on: connection))
            _ = try engine.execute(claim, on: connection, Cancellation())
            let id = answer["id"].stringValue ?? ""
            #expect(call("POST", "/api/executions/\(id)/signal", ["step": 1, "approved": true]).status == 409)
            #expect(call("POST", "/api/executions/\(id)/cancel").status == 200)
        }
        try expectFewReads("execute at once", partitions: 1) { _ in
            #expect(call("POST", "/flow-manager", .flow([.task("a", "pass")])).status == 200)
        }
    }

    @Test func dutiesReadFewRows() throws {
        let engine = application.services.engine
        var history = History.Pass()
        let count = try owner.query("SELECT FROM history").count + 1
        try expectFewReads("duties", partitions: 1) { _ in
            #expect(try engine.rescue(on: connection) == 0)
            #expect(try !engine.expireRuns(on: connection))
            while try history.advance(by: engine, on: connection) {}
            try Pruning.run(on: connection) { _, _ in }
        }
        // The oldest run of each.
        try expectFewReads("figures", partitions: count) { _ in
            let figures = try engine.historyFigures(on: connection)
            #expect(figures.oldestMonth != nil)
        }
    }
}
