import Crypto
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Every list has pages, and together they have every item.
@Suite struct ListWalkTests {
    private let application: TestApplication
    private let admin: String
    private let adminID: String

    init() throws {
        application = try TestApplication()
        admin = try application.adminToken()
        adminID = try application.get("/me", token: admin)["id"].stringValue ?? ""
    }

    /// More items than the largest page has.
    private static let count = 230
    private static let hook = "00000000-0000-7000-8000-000000000000"

    /// For each list: its address and how many items it has after `fill`.
    private func lists() throws -> [String: (target: String, count: SQL)] {
        let workflow = try application.connection.query("SELECT id FROM workflows ORDER BY version DESC LIMIT 1").only
            .decode(String.self)
        let mine: SQL = "WHERE user_id = \(adminID)"
        return [
            "/api/data": ("/api/data?", "documents \(mine)"),
            "/posts": ("/posts?", "posts"), "/api/users": ("/api/users?", "users"),
            "/api/keys": ("/api/keys?", "api_keys"), "/api/credentials": ("/api/credentials?", "credentials"),
            "/api/sessions": ("/api/sessions?", "sessions \(mine) AND ended_at IS NULL"),
            "/api/workflows": ("/api/workflows?", "workflows"),
            "/api/workflows/{id}/versions": (
                "/api/workflows/\(workflow)/versions?", "workflow_versions WHERE workflow_id = \(workflow)"
            ),
            "/api/schedules": ("/api/schedules?", "schedules"),
            "/api/approvals": ("/api/approvals?", "approvers"),
            "/api/executions": ("/api/executions?", "executions \(mine)"),
            "/api/workflows/{id}/executions": (
                "/api/workflows/\(workflow)/executions?", "executions WHERE workflow_id = \(workflow)"
            ),
            "/api/records": ("/api/records?", "records"), "/api/ledger": ("/api/ledger?", "ledger \(mine)"),
            "/api/audit": ("/api/audit?", "audit_log"),
            "/api/identities": ("/api/identities?", "identities"),
            "/api/hooks": ("/api/hooks?", "hooks"),
            "/api/workflows/{id}/hooks": ("/api/workflows/\(workflow)/hooks?", "hooks"),
            "/api/workflows/{id}/deliveries": ("/api/workflows/\(workflow)/deliveries?", "end_notifications"),
            "/api/hooks/{id}/deliveries": ("/api/hooks/\(Self.hook)/deliveries?", "hook_deliveries"),
        ]
    }

    /// Times have few distinct values, so that many items share an instant.
    private func fill() throws {
        let (id, n) = ("\(adminID)::uuid" as SQL, "generate_series(1, \(Self.count)) n" as SQL)
        let time: SQL = "now() - (n / 50) * interval '1 second'"
        let workflow = UUIDv7.make()
        try application.database.connect().pipeline([
            "INSERT INTO documents (user_id, name, value) SELECT \(id), 'é/' || n, '1' FROM \(n)",
            """
            INSERT INTO posts (id, user_id, title, content, published, created_at)
            SELECT gen_random_uuid(), \(id), 't', '', true, \(time) FROM \(n)
            """,
            "INSERT INTO users (id, username, created_at) SELECT gen_random_uuid(), 'u' || n, \(time) FROM \(n)",
            """
            INSERT INTO api_keys (id, user_id, name, digest, scopes, expires_at, created_at)
            SELECT gen_random_uuid(), \(id), 'k', int8send(n), '{read}', now() + interval '1 day', \(time) FROM \(n)
            """,
            """
            INSERT INTO credentials (id, user_id, name, kind, hosts, sealed, created_at)
            SELECT gen_random_uuid(), \(id), 'c' || n, 'bearer', '{example.org}', '', \(time) FROM \(n)
            """,
            """
            INSERT INTO sessions (id, user_id, expires_at, created_at)
            SELECT gen_random_uuid(), \(id), now() + interval '1 day', \(time) FROM \(n)
            """,
            """
            INSERT INTO workflows (id, user_id, version, created_at)
            SELECT CASE n WHEN 1 THEN \(workflow)::uuid ELSE gen_random_uuid() END, \(id),
                CASE n WHEN 1 THEN \(Self.count)::integer ELSE 1 END, \(time)
            FROM \(n)
            """,
            """
            INSERT INTO workflow_versions (workflow_id, version, name, flow, created_at)
            SELECT id, 1, 'w', '{"id":"f","name":"f"}', now() - interval '1 day' FROM workflows
            """,
            """
            INSERT INTO workflow_versions (workflow_id, version, name, flow, created_at)
            SELECT \(workflow)::uuid, n, 'w', '{"id":"f","name":"f"}', now() + n * interval '1 microsecond'
            FROM \(n) WHERE n > 1
            """,
            """
            INSERT INTO schedules (id, workflow_id, user_id, cron, timezone, misfire, misfire_window, overlap, input,
                paused, decided_until, next_times, created_at)
            SELECT gen_random_uuid(), id, user_id, '@daily', 'UTC', 'once', 3600, 'skip', '{}', false, now(), '{}',
                created_at
            FROM workflows
            """,
            """
            INSERT INTO executions (id, user_id, input, status, created_at, workflow_id, version)
            SELECT gen_random_uuid(), \(id), '1', 'completed', \(time), \(workflow)::uuid, 1 FROM \(n)
            """,
            """
            INSERT INTO queue (execution_id, user_id, state, available_at)
            SELECT id, user_id, 'waiting', 'infinity' FROM executions
            """,
            """
            INSERT INTO steps (execution_id, seq, task, type, status, attempt, started_us, duration_us)
            SELECT id, 1, 'a', 'approval', 'waiting', 1, 0, 0 FROM executions
            """,
            """
            INSERT INTO approvers (execution_id, approver_id, step, owner_id, created_at)
            SELECT id, (ARRAY[user_id, \(Approvers.anyAdmin)::uuid])[1 + floor(2 * random())], 1, user_id, created_at
            FROM executions
            """,
            """
            INSERT INTO records (id, user_id, operation, arguments, amount, user_balance, result, execution_id,
                created_at)
            SELECT gen_random_uuid(), \(id), 'addition', '[]', n % 3, 0, '1', gen_random_uuid(), \(time) FROM \(n)
            """,
            """
            INSERT INTO ledger (user_id, seq, debit, credit, amount, balance, held, created_at)
            SELECT \(id), 1000 + n, 'issued', 'available', 1, n, 0, \(time) FROM \(n)
            """,
            """
            INSERT INTO identities (issuer, subject, user_id, blocked_at)
            SELECT 'i', u.id::text, u.id, u.created_at FROM users u
            """,
            """
            INSERT INTO hooks (id, user_id, workflow_id, created_at)
            SELECT CASE n WHEN 1 THEN \(Self.hook)::uuid ELSE gen_random_uuid() END, \(id), \(workflow)::uuid, \(time)
            FROM \(n)
            """,
            """
            INSERT INTO hook_deliveries (id, hook_id, user_id, outcome, is_test, created_at)
            SELECT gen_random_uuid(), \(Self.hook)::uuid, \(id), 'started', false, \(time) FROM \(n)
            """,
            """
            INSERT INTO end_notifications (id, user_id, workflow_id, execution_id, status, run_created_at,
                run_finished_at, state, ended_at, give_up_at, created_at)
            SELECT gen_random_uuid(), \(id), \(workflow)::uuid, gen_random_uuid(), 'completed', now(), now(),
                'delivered', now(), now(), \(time)
            FROM \(n)
            """,
            """
            INSERT INTO audit_log (id, action, origin, detail, created_at)
            SELECT gen_random_uuid(), 'registered', 'command', '{}', \(time) FROM \(n)
            """,
        ])
    }

    private func walk(_ target: String) throws -> [String] {
        var (items, cursor): ([String], String?) = ([], nil)
        repeat {
            let page = try application.get(target + (cursor.map { "&cursor=\($0)" } ?? ""), token: admin)
            try #require(page.status == 200, "\(target): \(page.text.prefix(300))")
            let some = try #require(page["items"].arrayValue)
            #expect(some.count <= 100, "\(target)")
            items += some.map { ($0["id"] ?? $0["execution_id"] ?? $0["version"] ?? $0["name"] ?? .null).text }
            cursor = page["next_cursor"].stringValue
        } while cursor != nil && items.count < 2 * Self.count
        return items
    }

    /// The lists among the endpoints.
    private static var endpoints: [Endpoint<Context>] {
        Routes.all.filter { $0.method == .get }.filter { endpoint in
            // Pages of events have no end, and no fields to choose from.
            endpoint.answers.contains { $0.schema?.json.text.contains("next_cursor") == true }
                && !endpoint.path.hasSuffix("/events")
        }
    }

    /// Every list takes the same fields of the query, except those that the description of the API names.
    @Test func listsTakeTheFieldsThatTheDescriptionNames() {
        let others: [String: Set<String>] = [
            "/api/data": ["limit", "cursor"], "/api/task-types": [], "/api/operations": [],
        ]
        let common: Set = ["limit", "cursor", "sort", "fields"]
        for endpoint in Self.endpoints {
            let taken = common.intersection(endpoint.query.map(\.name))
            #expect(taken == others[endpoint.path] ?? common, "\(endpoint.path)")
        }
        for path in others.keys { #expect(Routes.interface.description.contains("`\(path)`"), "\(path)") }
    }

    @Test func pagesHaveEveryItemOnce() throws {
        try fill()
        let lists = try lists()
        // These have as many items as the program has task types and operations.
        let fixed: Set = ["/api/task-types", "/api/operations"]
        #expect(Set(Self.endpoints.map(\.path)) == fixed.union(lists.keys))
        for (path, list) in lists {
            let count = try application.count("SELECT count(*) FROM \(list.count)")
            #expect(count >= Self.count, "\(path)")
            for query in path == "/api/data" ? ["limit=100", "limit=7", ""] : ["limit=100", "limit=7&sort=created_at"] {
                let items = try walk(list.target + query)
                #expect(
                    items.count == count && Set(items).count == count, "\(path) \(query): \(items.count) of \(count)")
            }
        }
        for order in ["amount", "-amount"] {
            #expect(try Set(walk("/api/records?limit=50&sort=\(order)")).count == Self.count)
        }
        for path in fixed {
            let answer = try application.get(path)
            let all = try application.get(path, token: admin)
            #expect((answer.status == 200 ? answer : all)["next_cursor"] == .null)
        }
    }
}
