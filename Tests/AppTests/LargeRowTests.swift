import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Lists of rows with large values, which the items do not contain: none of these is read. The test reads the
/// database's counters of blocks in which large values are stored.
@Suite struct LargeRowTests {
    private let application: TestApplication
    private let owner: Connection
    /// Of the calls; not through a pooler: the test needs the counters of its session.
    private let connection: Connection
    private let user: TestUser
    /// Hardly compressible.
    private let numbers = JSON.array((0..<20_000).map { .integer(Int64($0) * 2_654_435_761 % 1_000_000_007) })

    init() throws {
        application = try TestApplication()
        owner = application.database.connect()
        connection = application.database.connect()
        user = try application.makeUser()
    }

    private func flow(_ name: String) -> JSON {
        [
            "id": .string("id of \(name)"), "name": .string(name), "start_task": "a",
            "tasks": [.task("a", "pass", numbers)], "conditions": [],
        ]
    }

    private func list(_ target: String) throws -> [JSON] {
        let request = Request("GET", target, [application.bearer(user.token)])
        let answer = HTTPAnswer(application.reply(to: request, over: connection).initial)
        #expect(answer.status == 200, "\(answer.text)")
        return try #require(answer["items"].arrayValue)
    }

    /// The blocks of large values read so far.
    private func blocks() throws -> Int {
        try connection.execute("SELECT pg_stat_force_next_flush()")
        return try owner.query(
            "SELECT coalesce(sum(toast_blks_read + toast_blks_hit), 0)::bigint FROM pg_statio_user_tables"
        ).only.decode(Int.self)
    }

    /// Runs of flows that came with the call and of a stored workflow, queued and ended. Returns the workflow's id.
    @discardableResult
    private func startRuns() throws -> String {
        for name in ["first", "second"] {
            #expect(try application.post("/flow-manager", ["flow": flow(name)], token: user.token).status == 200)
        }
        let draft: JSON = ["name": "w", "flow": flow("stored")]
        let id = try #require(try application.post("/api/workflows", draft, token: user.token)["id"].stringValue)
        for _ in 0..<2 {
            let started = try application.post(
                "/api/workflows/\(id)/execute", [:], token: user.token, headers: [("Prefer", "wait=0")])
            #expect(started.status == 202)
        }
        return id
    }

    @Test func listsOfRunsAndWorkflowsReadNoFlows() throws {
        let workflow = try startRuns()
        _ = try list("/api/executions")
        let before = try blocks()
        for path in ["", "/\(workflow)/executions", "/\(workflow)/versions"] {
            #expect(try !list("/api/workflows" + path).isEmpty)
        }
        for query in ["", "?status=completed", "?status=queued&sort=created_at", "?parent_id=null", "?fields=flow_id"] {
            #expect(try list("/api/executions" + query).count >= 2)
        }
        #expect(try blocks() == before)
        let names = try list("/api/executions").map { [$0["flow_id"], $0["flow_name"]] }
        let expected = ["stored", "stored", "second", "first"].map { name -> [JSON?] in
            [.string("id of \(name)"), .string(name)]
        }
        #expect(names == expected)
    }

    /// A process of the earlier release inserts rows without the new columns.
    @Test func runsOfEarlierReleasesHaveTheNamesOfTheirFlows() throws {
        try startRuns()
        let names = try list("/api/executions")
        try owner.execute("UPDATE executions SET flow_id = NULL, flow_name = NULL")
        #expect(try list("/api/executions") == names)
        while try FlowNames.storeSome(on: application.connection, for: .zero) {}
        let before = try blocks()
        #expect(try list("/api/executions") == names)
        #expect(try blocks() == before, "no flow is read any more")
    }

    /// Each statement is bounded.
    @Test func namesOfFlowsAreStoredInParts() throws {
        try owner.execute(
            """
            INSERT INTO executions (id, user_id, flow, input, status, created_at)
            SELECT uuid_v7(), \(user.id)::uuid, '{"id":"i","name":"n"}', '1', 'completed', now()
            FROM generate_series(1, 45)
            """)
        for left in [25, 5, 0] {
            #expect(try FlowNames.storeSome(on: application.connection, for: .zero) == (left > 0))
            #expect(try application.count("SELECT count(*) FROM executions WHERE flow_id IS NULL") == left)
        }
        let named: SQL = "SELECT count(*) FROM executions WHERE flow_id = 'i' AND flow_name = 'n'"
        #expect(try application.count(named) == 45)
    }

    @Test func listsOfPostsReadOnlyTheSelectedFields() throws {
        let content = JSON.string(String(numbers.text.prefix(90_000)))
        for _ in 0..<3 {
            let draft: JSON = ["title": "t", "content": content]
            #expect(try application.post("/posts", draft, token: user.token).status == 201)
        }
        _ = try list("/posts")
        let before = try blocks()
        #expect(try list("/posts?fields=id,title").allSatisfy { $0["title"] == "t" && $0["content"] == nil })
        #expect(try blocks() == before)
        #expect(try list("/posts?fields=content").allSatisfy { $0["content"] == content })
        #expect(try blocks() > before)
    }
}
