import JSON
import TestSupport
import Testing

/// Lists: pages without gaps and duplicates, filters, and field selection.
@Suite struct ListTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    /// The pages of a list, each with the ids on it.
    private func pages(_ target: String) throws -> [[JSON]] {
        var pages: [[JSON]] = []
        var cursor = ""
        repeat {
            let page = try stack.get(target + cursor, token: user.token)
            try #require(page.status == 200, "\(page.text)")
            pages.append(page["items"].each("id"))
            cursor = page["next_cursor"].stringValue.map { "&cursor=\($0)" } ?? ""
        } while !cursor.isEmpty && pages.count < 20
        return pages
    }

    private func run(_ flow: JSON) throws -> JSON {
        try stack.post("/flow-manager", flow, token: user.token)["execution_id"]
    }

    @Test func pagesThroughRunsInBothOrders() throws {
        let ids = try (0..<25).map { _ in try run(.flow([.task("a", "pass")])) }
        let newest = try pages("/api/executions?limit=10")
        #expect(newest.map(\.count) == [10, 10, 5])
        #expect(newest.flatMap(\.self) == ids.reversed())
        let oldest = try pages("/api/executions?limit=10&sort=created_at")
        #expect(oldest.flatMap(\.self) == ids)
        #expect(try pages("/api/executions?limit=25&sort=-created_at") == [ids.reversed()])
        #expect(try pages("/api/executions?limit=100") == [ids.reversed()])
        #expect(try pages("/api/executions?limit=1").count == 20, "the loop's limit")
        #expect(try stack.get("/api/executions", token: user.token)["items"].arrayValue?.count == 20)
    }

    /// Runs that are added later do not change the page after a cursor.
    @Test func cursorsAreStableWhileRunsAreAdded() throws {
        let ids = try (0..<4).map { _ in try run(.flow([.task("a", "pass")])) }
        let first = try stack.get("/api/executions?limit=2", token: user.token)
        _ = try run(.flow([.task("a", "pass")]))
        let cursor = try #require(first["next_cursor"].stringValue)
        let second = try stack.get("/api/executions?limit=2&cursor=\(cursor)", token: user.token)
        #expect(first["items"].each("id") + second["items"].each("id") == ids.reversed())
        #expect(second["next_cursor"] == .null)
    }

    @Test func filtersRunsByStatusAndSelectsFields() throws {
        let completed = try run(.flow([.task("a", "pass")]))
        let failed = try run(.flow([.task("a", "fail")]))
        let early = try run(.flow([.task("a", "fail")], [.condition("a", "end", "end")]))
        for (status, ids) in [
            ("completed", [completed]), ("failed", [failed]), ("ended_early", [early]), ("running", []),
        ] {
            #expect(try pages("/api/executions?status=\(status)") == [ids], "\(status)")
        }
        let item = try #require(try stack.get("/api/executions", token: user.token)["items"].arrayValue?.first)
        #expect(
            item.names == [
                "id", "user_id", "started_by", "started_by_key", "trigger", "flow_id", "flow_name", "status",
                "stopped_at", "workflow_id", "version", "parent_id", "created_at", "finished_at",
            ])
        let selected = try stack.get("/api/executions?fields=status,id", token: user.token)["items"]
        #expect(
            selected
                == .array(
                    [(early, "ended_early"), (failed, "failed"), (completed, "completed")].map {
                        ["id": $0, "status": .string($1)]
                    }))
    }

    @Test func listsNoRunsOfOtherUsers() throws {
        let other = try stack.makeUser()
        #expect(try stack.post("/flow-manager", .demoFlow, token: other.token).status == 200)
        #expect(try pages("/api/executions?limit=100") == [[]])
        expectChallenge(try stack.get("/api/executions"), "token_missing")
        #expect(try pages("/api/executions?user_id=\(other.id)") == [[]])
    }
}
