import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// A page of runs costs the same however many runs there are, whatever its query asks for. The test reads the
/// database's counters of rows and index entries read.
@Suite(.serialized) struct RunListCostTests {
    private static let runs = 200_000
    private static let activeRuns = 2_000
    private static let children = 100
    /// A page of 20 reads at most 21 entries of each of ten partitions, and for each of them a row of the queue and of
    /// the workflows. The few runs of a condition that selects few may be read once for each partition.
    private static let maximumReads = 3_000

    private let application: TestApplication
    private let owner: Connection
    private let user: TestUser
    private let workflows: [String]
    private let callers: [(name: String, token: String)]
    /// A run in the middle of the list, with children.
    private let parent = Self.id(Self.runs / 2)

    init() throws {
        application = try TestApplication()
        owner = application.database.connect()
        user = try application.makeUser()
        let (app, token) = (application, user.token)
        workflows = try (0..<2).map { _ in
            try #require(try app.post("/api/workflows", .workflow("w"), token: token)["id"].stringValue)
        }
        let key = try application.post("/api/keys", ["name": "k", "scopes": ["run"]], token: user.token)
        let keyID = try #require(key["id"].stringValue)
        callers = [
            ("owner", user.token), ("admin", try application.adminToken()), ("key", key["key"].stringValue ?? ""),
        ]
        try fill(other: application.makeUser().id, key: keyID)
    }

    private static func id(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return "00000000-0000-7000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
    }

    /// Rows of which most are completed children of one workflow. The others are in the middle, so that neither order
    /// finds them first.
    private func fill(other: String, key: String) throws {
        let (middle, rare) = (Self.runs / 2, 500)
        try owner.execute(
            """
            INSERT INTO executions (id, user_id, input, status, created_at, workflow_id, version, parent_id,
                parent_step, item, started_by_key, error)
            SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
                CASE WHEN n % 10 = 0 THEN \(other)::uuid ELSE \(user.id)::uuid END, '{}',
                (CASE WHEN NOT is_rare THEN 'completed' WHEN n % 5 = 0 THEN 'ended_early' WHEN n % 5 = 1 THEN 'failed'
                    WHEN n % 5 = 2 THEN 'canceled' ELSE 'completed' END)::run_status,
                '2026-01-01Z'::timestamptz + n * interval '1 second',
                CASE WHEN is_rare AND n % 3 = 0 THEN \(workflows[1])::uuid ELSE \(workflows[0])::uuid END, 1,
                CASE WHEN is_rare AND n % 2 = 0 THEN NULL ELSE
                    ('00000000-0000-7000-8000-' || lpad(to_hex(n / \(Self.children) * \(Self.children)), 12, '0'))::uuid
                END, 1, 1,
                CASE WHEN n % 3 < 2 THEN \(key)::uuid END,
                CASE WHEN is_rare AND n % 50 = 1 THEN '{"code":"dead_letter","message":""}'::json END
            FROM (
                SELECT n, n BETWEEN \(middle) AND \(middle + rare) AS is_rare FROM generate_series(1, \(Self.runs)) n
            ) numbers
            """)
        try owner.execute(
            """
            WITH started AS (
                INSERT INTO executions (id, user_id, flow, input, status, created_at)
                SELECT ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, \(user.id)::uuid,
                    '{"id":"f","name":"n"}', '{}',
                    'running', '2026-01-02Z'::timestamptz + n * interval '1 second'
                FROM generate_series(1, \(Self.activeRuns)) n RETURNING id)
            INSERT INTO queue (execution_id, user_id, state, available_at)
            SELECT id, \(user.id)::uuid, 'waiting', 'infinity' FROM started
            """)
        try owner.execute("ANALYZE")
    }

    /// Every combination of the conditions that a query may have.
    private var queries: [String] {
        let choices: [[String]] = [
            [
                "", "status=completed", "status=failed,canceled", "status=ended_early", "status=waiting",
                "status=running,failed",
            ],
            ["", "parent_id=null", "parent_id=\(parent)"],
            ["", "workflow_id=\(workflows[0])", "workflow_id=\(workflows[1])"], ["", "user_id=\(user.id)"],
            ["", "dead_letter=true", "dead_letter=false"],
            ["", "created_at[gte]=2026-01-01T06:00:00Z&created_at[lt]=2026-01-01T20:00:00Z"],
            ["", "sort=created_at"],
        ]
        return choices.reduce([""]) { queries, choices in
            queries.flatMap { query in choices.map { $0.isEmpty ? query : query.isEmpty ? $0 : "\(query)&\($0)" } }
        }
    }

    /// Plans that the database makes for any values must be as good as those for these values.
    @Test func everyPageReadsFewRows() throws {
        for mode in ["force_generic_plan", "force_custom_plan"] {
            let connection = application.database.connect()
            try connection.execute("SELECT set_config('plan_cache_mode', \(mode), false)")
            for (offset, caller) in callers.enumerated() {
                // Another part of the combinations for each caller.
                let part = queries.enumerated().filter {
                    $0.offset % 5 == offset + (mode == "force_custom_plan" ? 2 : 0)
                }
                for (_, query) in part {
                    let before = try reads(connection)
                    let request = Request("GET", "/api/executions?\(query)", [application.bearer(caller.token)])
                    let answer = HTTPAnswer(application.reply(to: request, over: connection).initial)
                    #expect(answer.status == 200, "\(answer.text)")
                    let count = try reads(connection) - before
                    let isActive = query.contains("waiting") || query.contains("running")
                    let limit = Self.maximumReads + (isActive ? 4 * Self.activeRuns : 0)
                    #expect(count < limit, "\(mode): \(caller.name) \(query)")
                }
            }
        }
    }

    /// The rows and index entries read so far, of the tables that grow with the runs.
    private func reads(_ connection: Connection) throws -> Int {
        try connection.execute("SELECT pg_stat_force_next_flush()")
        return try owner.query(
            """
            SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname ~ '^(executions|queue|workflow)')
                + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname ~ '^(executions|queue|workflow)')
            """
        ).only.decode(Int.self)
    }
}
