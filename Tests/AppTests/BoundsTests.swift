import Dispatch
import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import App

/// Limits on what a user keeps hold exactly, however many calls are made at once.
@Suite struct BoundsTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    /// The statuses of `count` calls at once, each over its own connection.
    private func statuses(
        _ count: Int, _ method: String, headers: [(String, String)] = [],
        _ call: @escaping @Sendable (Int) -> (target: String, body: JSON)
    ) -> [Int] {
        let statuses = Mutex<[Int]>([])
        let headers = headers + [("Content-Type", "application/json"), application.bearer(user.token)]
        let (database, product) = (application.database, application.makeProduct())
        DispatchQueue.concurrentPerform(iterations: count) { number in
            let (target, body) = call(number)
            let reply = product.reply(
                to: Request(method, target, headers),
                readingBody: { policy throws(Rejection) in try policy.body(from: body.serialized()) },
                over: database.connectAsApplication())
            statuses.withLock { $0.append(reply.initial.status.rawValue) }
        }
        return statuses.withLock(\.self).sorted()
    }

    @Test func aUserHasAtMostTenThousandDocuments() throws {
        try application.connection.execute(
            """
            INSERT INTO documents (user_id, name, value)
            SELECT \(user.id)::uuid, 'n' || n, '1' FROM generate_series(1, 9995) n
            """)
        let made = statuses(12, "PUT") { ("/api/data/new\($0)", ["value": 1]) }
        #expect(made == Array(repeating: 200, count: 5) + Array(repeating: 409, count: 7))
        let refused = try application.send("PUT", "/api/data/more", ["value": 1], token: user.token)
        expectProblem(refused, 409, "too_many_documents")
        #expect(try application.send("PUT", "/api/data/n7", ["value": 2], token: user.token).status == 200)
        let run = try application.post("/flow-manager", .flow([.task("a", "data.store")]), token: user.token)
        expectProblem(run, 409, "too_many_documents")
        #expect(try application.send("DELETE", "/api/data/n7", token: user.token).status == 204)
        #expect(try application.send("PUT", "/api/data/more", ["value": 1], token: user.token).status == 200)
        #expect(try application.count("SELECT count(*) FROM documents") == 10_000)
        #expect(try application.count("SELECT documents FROM document_counts") == 10_000)
    }

    @Test func aWorkflowHasAtMostFiveHundredVersions() throws {
        let made = try application.post("/api/workflows", .workflow("a"), token: user.token)
        let path = try #require(made.headers["location"])
        try application.connection.pipeline([
            """
            INSERT INTO workflow_versions (workflow_id, version, name, flow, created_at)
            SELECT v.workflow_id, n, 'v', v.flow, now() + n * interval '1 microsecond'
            FROM workflow_versions v, generate_series(2, 497) n
            """,
            "UPDATE workflows SET version = 497",
        ])
        let saved = statuses(8, "PUT") { (path, .workflow("b", giving: Int64($0))) }
        #expect(saved == [200, 200, 200] + Array(repeating: 409, count: 5))
        expectProblem(
            try application.send("PUT", path, .workflow("c"), token: user.token), 409, "too_many_versions")
        expectProblem(
            try application.post("\(path)/rollback", ["version": 1], token: user.token), 409, "too_many_versions")
        #expect(try application.send("DELETE", "\(path)/versions/7", token: user.token).status == 204)
        #expect(try application.send("PUT", path, .workflow("c"), token: user.token)["version"] == 501)
    }

    @Test func onlyVersionsThatAreNotUsedAreRemoved() throws {
        let path = try #require(
            try application.post("/api/workflows", .workflow("a"), token: user.token).headers["location"])
        for name in ["b", "c", "d"] {
            #expect(try application.send("PUT", path, .workflow(name), token: user.token).status == 200)
        }
        func remove(_ version: Int, token: String? = nil) throws -> HTTPAnswer {
            try application.send("DELETE", "\(path)/versions/\(version)", token: token ?? user.token)
        }
        let run = try application.post("\(path)/execute", ["version": 2], token: user.token)
        expectProblem(try remove(2), 409, "version_in_use", "an active run names it")
        try application.work()
        expectProblem(try remove(2), 409, "version_in_use", "its record names it")
        expectProblem(try remove(4), 409, "version_in_use", "the current one")
        expectProblem(try remove(9), 404, "not_found")
        expectProblem(try remove(3, token: application.makeUser().token), 404, "not_found")
        #expect(try remove(3).status == 204)
        expectProblem(try remove(3), 404, "not_found")
        #expect(
            try application.get("\(path)/versions", token: user.token)["items"].each("version") == [4, 2, 1])
        #expect(pointers(try application.post("\(path)/rollback", ["version": 3], token: user.token)) == ["/version"])
        let record = try application.get(run.headers["location"] ?? "", token: user.token)
        #expect(record["flow_name"] == "A flow" && record["version"] == 2)
        for version in [2, 4] {
            let error = #expect(throws: PostgresError.self) {
                try application.database.connect().execute("DELETE FROM workflow_versions WHERE version = \(version)")
            }
            #expect(error?.sqlState == .insufficientPrivilege, "not even the owner of the table")
        }
    }

    /// A version may be removed at the moment at which a run of it is queued.
    @Test func aRunOfARemovedVersionFailsAndCanBeRead() throws {
        let path = try #require(
            try application.post("/api/workflows", .workflow("a"), token: user.token).headers["location"])
        let run = try #require(try application.post("\(path)/execute", [:], token: user.token).headers["location"])
        try application.database.connect().pipeline([
            "ALTER TABLE workflow_versions DISABLE TRIGGER USER", "DELETE FROM workflow_versions",
            "UPDATE queue SET claims = 1000",
        ])
        try application.work()
        let failed = try application.get(run, token: user.token)
        #expect(failed.status == 200 && failed["status"] == "failed" && failed["flow_name"] == "")
        for flowID in ["f", ""] as [JSON] {
            let listed = try application.get("/api/executions", token: user.token)
            #expect(listed["items"].each("flow_id") == [flowID], "\(listed.text)")
            // As a row of an earlier release.
            try application.database.connect().execute("UPDATE executions SET flow_id = NULL")
        }
    }

    @Test func aLoginEndsTheOldestOfAHundredSessions() throws {
        try application.connection.execute(
            """
            INSERT INTO sessions (id, user_id, created_at, expires_at)
            SELECT gen_random_uuid(), \(user.id)::uuid, now() - n * interval '1 minute', now() + interval '1 day'
            FROM generate_series(1, 99) n
            """)
        #expect(try application.get("/me", token: user.token).status == 200)
        let login: JSON = ["email": .string(user.email), "password": .string(user.password)]
        let logins = statuses(4, "POST") { _ in ("/login", login) }
        #expect(logins == [200, 200, 200, 200])
        let left = "FROM sessions WHERE user_id = \(user.id) AND ended_at IS NULL" as SQL
        #expect(try application.count("SELECT count(*) \(left)") == 100)
        #expect(
            try application.count("SELECT count(*) \(left) AND created_at < now() - interval '95 minutes 30 seconds'")
                == 0)
        #expect(try application.get("/me", token: user.token).status == 200)
    }
}
