import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

@testable import App

/// Lists of runs contain what their query asks for, in pages and in order.
@Suite struct RunListTests {
    private let application: TestApplication
    private let user: TestUser
    private let workflow: String
    private var runs: [Run] = []

    private struct Run {
        let id: String
        let status: String
        let parentID: String?
        let isOfWorkflow: Bool
        let isDeadLetter: Bool
        /// In milliseconds since 1970; runs of the same instant have the order of their ids.
        let createdAt: Int64
    }

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
        workflow = try #require(
            try application.post("/api/workflows", .workflow("w"), token: user.token)["id"].stringValue)
        let owner = application.database.connect()
        let statuses = ["completed", "failed", "canceled", "ended_early", "queued", "waiting", "running"]
        for number in 0..<84 {
            let status = statuses[number % statuses.count]
            let run = Run(
                id: id(number), status: status, parentID: number % 4 == 1 ? id(number % 8) : nil,
                isOfWorkflow: number % 3 == 0, isDeadLetter: status == "failed" && number % 5 < 3,
                createdAt: 1_767_225_600_000 + Int64(number / 3) * 1_000)
            runs.append(run)
            let isActive = ["queued", "waiting", "running"].contains(status)
            // Microseconds, which no answer shows.
            try owner.execute(
                """
                INSERT INTO executions (id, user_id, flow, input, status, created_at, workflow_id, version, parent_id,
                    parent_step, item, error)
                VALUES (\(run.id), \(user.id), '{"id":"f","name":"n"}', '{}',
                    \(isActive ? "running" : status)::run_status,
                    to_timestamp(0) + \(run.createdAt) * interval '1 ms' + interval '456 us',
                    CASE WHEN \(run.isOfWorkflow) THEN \(workflow)::uuid END, 1, \(optional: run.parentID), 1, 1,
                    CASE WHEN \(run.isDeadLetter) THEN '{"code":"dead_letter"}'::json END)
                """)
            guard isActive else { continue }
            try owner.execute(
                """
                INSERT INTO queue (execution_id, user_id, state, available_at)
                VALUES (\(run.id), \(user.id), \(status)::run_status, 'infinity')
                """)
        }
        // A run of another user.
        _ = try application.post("/flow-manager", .demoFlow, token: application.makeUser().token)
    }

    /// The ids of all pages.
    private func list(_ query: String, limit: Int = 100) throws -> [String] {
        var (ids, cursor): ([String], String?) = ([], nil)
        repeat {
            let next = cursor.map { "&cursor=\($0)" } ?? ""
            let page = try application.get("/api/executions?limit=\(limit)&\(query)\(next)", token: user.token)
            #expect(page.status == 200, "\(query): \(page.text)")
            ids += page["items"].each("id").compactMap(\.stringValue)
            cursor = page["next_cursor"].stringValue
        } while cursor != nil && ids.count <= runs.count
        return ids
    }

    @Test func everyCombinationOfConditionsSelectsItsRuns() throws {
        typealias Condition = (query: String, isMet: (Run) -> Bool)
        let middle = runs[40].createdAt
        let text = RFC3339.text(milliseconds: middle)
        let choices: [[Condition]] = [
            [
                ("", { _ in true }), ("status=completed&", { $0.status == "completed" }),
                ("status=failed,canceled&", { ["failed", "canceled"].contains($0.status) }),
                ("status=waiting,ended_early&", { ["waiting", "ended_early"].contains($0.status) }),
                ("status=queued,running&", { ["queued", "running"].contains($0.status) }),
            ],
            [
                ("", { _ in true }), ("parent_id=null&", { $0.parentID == nil }),
                ("parent_id=\(id(5))&", { $0.parentID == id(5) }),
            ],
            [("", { _ in true }), ("workflow_id=\(workflow)&", \.isOfWorkflow)],
            [
                ("", { _ in true }), ("dead_letter=true&", \.isDeadLetter),
                ("dead_letter=false&", { !$0.isDeadLetter }),
            ],
            [
                ("", { _ in true }), ("created_at[gte]=\(text)&", { $0.createdAt >= middle }),
                ("created_at[gt]=\(text)&", { $0.createdAt > middle }),
                ("created_at[lte]=\(text)&", { $0.createdAt <= middle }),
                ("created_at%5Blt%5D=\(text)&", { $0.createdAt < middle }),
            ],
        ]
        let conditions = choices.reduce([("", { _ in true })] as [Condition]) { conditions, choices in
            conditions.flatMap { former in
                choices.map { choice in (former.query + choice.query, { former.isMet($0) && choice.isMet($0) }) }
            }
        }
        for (number, condition) in conditions.enumerated() {
            let expected = runs.filter(condition.isMet).map(\.id)
            let limit = [1, 7, 100][number % 3]
            if number % 2 == 0 {
                #expect(try list(condition.query + "sort=created_at", limit: limit) == expected, "\(condition.query)")
            } else {
                #expect(try list(condition.query, limit: limit) == expected.reversed(), "\(condition.query)")
            }
        }
    }

    @Test func itemsShowTheirParents() throws {
        let items = try application.get("/api/executions?parent_id=\(id(5))&fields=parent_id,id", token: user.token)
        #expect(items["items"].each("parent_id").allSatisfy { $0 == .string(id(5)) } && items["items"] != [])
        let top = try application.get("/api/executions?parent_id=null", token: user.token)["items"]
        #expect(top.each("parent_id").allSatisfy { $0 == .null } && top != [])
    }

    @Test func severalStatusesMayBeFieldsOfTheirOwn() throws {
        #expect(try list("status=failed&status=canceled") == list("status=failed,canceled"))
        #expect(try list("status=failed,failed") == list("status=failed"))
    }

    @Test(arguments: [
        "status=done", "status=", "status=failed,", "status=failed,done", "status=failed%20,canceled", "parent_id=nil",
        "parent_id=", "parent_id=NULL", "created_at[gte]=now", "created_at[gte]=2026-01-01",
        "created_at=2026-01-01T00:00:00Z",
        "created_at[eq]=2026-01-01T00:00:00Z", "created_at[gte]=2026-01-01 00:00:00Z", "workflow_id=null",
        "created_at[gte]=+2026-01-01T00:00:00Z", "created_at[gte]=2026-01-01T00:00:00++01:00",
        "created_at[lt]=2026-02-30T00:00:00Z", "user_id=me", "dead_letter=1",
    ])
    func invalidConditionsAreRefused(query: String) throws {
        expectProblem(try application.get("/api/executions?\(query)", token: user.token), 400, "bad_request", query)
    }

    /// In a query, a plus sign stands for a space.
    @Test func theOffsetOfATimeNeedsNoEncoding() throws {
        let middle = runs[runs.count / 2].createdAt
        let text = RFC3339.text(milliseconds: middle + 3_600_000).dropLast()
        for offset in ["+01:00", "%2B01:00", "%2b01:00"] {
            let expected = runs.filter { $0.createdAt >= middle }.map(\.id)
            #expect(try list("created_at[gte]=\(text)\(offset)&sort=created_at") == expected, "\(offset)")
        }
    }

    @Test func aRefusalNamesTheFieldAndWhatItMustBe() throws {
        for (query, parts) in [
            ("status=failed,done", ["'status'", "one of"]), ("parent_id=x", ["'parent_id'", "UUID or null"]),
            ("created_at[lt]=x", ["'created_at[lt]'", "RFC 3339"]),
        ] {
            let message =
                try application.get("/api/executions?\(query)", token: user.token)["message"].stringValue ?? ""
            #expect(parts.allSatisfy(message.contains), "\(message)")
        }
    }

    /// Another user's workflow selects nothing, also together with the own id.
    @Test func workflowsOfOthersSelectNothing() throws {
        let stranger = try application.makeUser().token
        for query in ["workflow_id=\(workflow)", "workflow_id=\(workflow)&user_id=\(user.id)", "parent_id=\(id(5))"] {
            #expect(try application.get("/api/executions?\(query)", token: stranger)["items"] == [], "\(query)")
        }
        let admin = try application.adminToken()
        let mine = try application.get("/me", token: admin)["id"].stringValue ?? ""
        let mixed = "/api/executions?workflow_id=\(workflow)&user_id=\(mine)"
        #expect(try application.get(mixed, token: admin)["items"] == [])
    }
}

/// The id of a run by its number.
private func id(_ number: Int) -> String {
    "00000000-0000-7000-8000-" + String(repeating: "0", count: 12 - String(number).count) + String(number)
}
