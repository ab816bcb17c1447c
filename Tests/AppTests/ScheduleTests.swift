import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The calls that set, read and delete schedules.
@Suite struct ScheduleTests {
    private let fixture: ScheduleFixture

    init() throws {
        fixture = try ScheduleFixture()
    }

    private func put(_ path: String, _ members: [String: JSON], ifMatch tag: String? = nil) throws -> HTTPAnswer {
        try fixture.application.send(
            "PUT", path, ScheduleFixture.body(members), token: fixture.user.token,
            headers: tag.map { [("If-Match", $0)] } ?? [])
    }

    @Test func aScheduleIsSetReadReplacedAndDeleted() throws {
        let workflow = try fixture.makeWorkflow(["key": "nightly"])
        let path = workflow + "/schedule"
        expectProblem(try fixture.read(path), 404, "not_found")
        expectProblem(try put(path, [:], ifMatch: "*"), 412, "version_mismatch")
        let made = try put(path, ["timezone": "europe/berlin"])
        #expect(made.status == 200 && made.headers["etag"] == "\"1\"", "\(made.text)")
        #expect(made["cron"] == "* * * * *" && made["timezone"] == "Europe/Berlin" && made["misfire"] == "once")
        #expect(made["misfire_window"] == 3_600 && made["overlap"] == "skip" && made["paused"] == false)
        #expect(made["input"] == [:] && made["user_id"] == .string(fixture.user.id) && made["last"] == .null)
        #expect(workflow.hasSuffix(made["workflow_id"].stringValue ?? "?") && made["next_times"].arrayValue?.count == 5)
        let read = try fixture.read("/api/workflows/nightly/schedule")
        #expect(read.json == made.json && read.headers["etag"] == "\"1\"")

        let same = try put(path, ["timezone": "Europe/Berlin", "input": [:]])
        #expect(same.json == made.json, "the same again changes nothing")
        let other: [String: JSON] = [
            "cron": "0 0 29 2 *", "timezone": "America/New_York", "misfire": "all", "misfire_window": 604_800,
            "overlap": "allow", "input": [1, nil], "paused": false,
        ]
        let replaced = try put(path, other, ifMatch: "\"1\"")
        #expect(replaced.status == 200 && replaced.headers["etag"] == "\"2\"", "\(replaced.text)")
        for (name, value) in other { #expect(replaced[name] == value) }
        #expect(replaced["id"] == made["id"] && replaced["created_at"] == made["created_at"])
        let times = replaced["next_times"].arrayValue?.compactMap { $0.stringValue } ?? []
        #expect(times.count == 5 && times.allSatisfy { $0.dropFirst(4) == "-02-29T05:00:00.000Z" })
        expectProblem(try put(path, other.merging(["input": 1]) { $1 }, ifMatch: "\"1\""), 412, "version_mismatch")

        var item = try #require(replaced.json.objectValue)
        item["input"] = nil
        #expect(try fixture.read("/api/schedules")["items"] == [.object(item)])
        let stale = try fixture.application.send(
            "DELETE", path, token: fixture.user.token, headers: [("If-Match", "\"1\"")])
        expectProblem(stale, 412, "version_mismatch")
        #expect(try fixture.call("DELETE", path).status == 204)
        expectProblem(try fixture.call("DELETE", path), 404, "not_found")
        expectProblem(try fixture.read(path), 404, "not_found")
        let actions = try fixture.call(
            "GET", "/api/audit?sort=created_at&subject=\(made["id"].stringValue ?? "")",
            by: fixture.application.adminToken())
        #expect(actions["items"].each("action") == ["schedule_set", "schedule_set", "schedule_deleted"])
    }

    @Test(
        arguments: [
            (["cron": nil], ["/cron"]), (["cron": "61 * * * *"], ["/cron"]), (["cron": "0 0 31 2 *"], ["/cron"]),
            (["cron": "@reboot"], ["/cron"]), (["cron": ""], ["/cron"]), (["cron": 5], ["/cron"]),
            (["timezone": "Berlin"], ["/timezone"]), (["timezone": "UTC+3"], ["/timezone"]),
            (["timezone": nil], ["/timezone"]),
            (["misfire": "never"], ["/misfire"]), (["misfire_window": 59], ["/misfire_window"]),
            (["misfire_window": 604_801], ["/misfire_window"]), (["misfire_window": 60.5], ["/misfire_window"]),
            (["overlap": "queue"], ["/overlap"]), (["paused": "no"], ["/paused"]), (["input": "a\u{0}b"], ["/input"]),
            (["role": "admin", "user_id": "x"], ["/role"]), (["user_id": "x", "id": "y"], ["/id", "/user_id"]),
            (["next_at": "2026-01-01T00:00:00Z"], ["/next_at"]),
            (["timezone": "Berlin", "input": ["amount": "many"]], ["/timezone", "/input/amount"]),
            (["input": ["amount": -1]], ["/input/amount"]),
        ] as [([String: JSON?], [String])])
    func invalidSchedulesAreRefused(members: [String: JSON?], expected: [String]) throws {
        let schema: JSON = ["type": "object", "properties": ["amount": ["type": "number", "minimum": 0]]]
        let path = try fixture.makeWorkflow(["input_schema": schema]) + "/schedule"
        var body = try #require(ScheduleFixture.body([:]).objectValue)
        for (name, value) in members { body[name] = name == "cron" ? value : value ?? .null }
        let refusal = try fixture.call("PUT", path, .object(body))
        expectProblem(refusal, 422, "validation_failed", "\(members)")
        #expect(pointers(refusal).sorted() == expected.sorted(), "\(refusal.text)")
        #expect(try fixture.count("schedules") == 0)
    }

    @Test func aMistakeInTheExpressionNamesItsPosition() throws {
        let refusal = try put(try fixture.makeWorkflow() + "/schedule", ["cron": "0 25 * * *"])
        let message = refusal["errors"].arrayValue?.first?["message"]
        #expect(message == "'25' is no hour from 0 to 23 (at character 3)")
    }

    @Test func aUserHasALimitedNumber() throws {
        let path = try fixture.makeSchedule()
        try fixture.application.database.connect().pipeline([
            """
            INSERT INTO workflows (id, user_id, version)
            SELECT uuid_v7(), \(fixture.user.id)::uuid, 1 FROM generate_series(1, 99)
            """,
            """
            INSERT INTO schedules (id, workflow_id, user_id, cron, timezone, misfire, misfire_window, overlap, input,
                paused, decided_until, next_times)
            SELECT uuid_v7(), w.id, w.user_id, '@daily', 'UTC', 'once', 3600, 'skip', '{}', true, now(), '{}'
            FROM workflows w WHERE NOT EXISTS (SELECT FROM schedules s WHERE s.workflow_id = w.id)
            """,
        ])
        let another = try fixture.makeWorkflow() + "/schedule"
        expectProblem(try put(another, [:]), 409, "too_many_schedules")
        #expect(try put(path, ["cron": "@daily"]).status == 200, "one that exists can be replaced")
        let stranger = try fixture.application.makeUser()
        _ = try fixture.makeSchedule(of: stranger.token)
    }

    @Test func deletingTheWorkflowDeletesItsSchedule() throws {
        let path = try fixture.makeSchedule()
        let workflow = String(path.dropLast("/schedule".count))
        #expect(try fixture.call("DELETE", workflow).status == 204)
        #expect(try fixture.count("schedules") == 0)
        expectProblem(try fixture.read(path), 404, "not_found")
        expectProblem(try put(path, [:]), 404, "not_found")
    }

    /// Exporting and importing a workflow does not concern its schedule.
    @Test func anImportedWorkflowHasNoSchedule() throws {
        let workflow = String(try fixture.makeSchedule().dropLast("/schedule".count))
        let document = try fixture.call("GET", workflow + "/export")
        #expect(!document.json.names.contains("schedule"))
        let imported = try fixture.call("POST", "/api/workflows/import", document.json)
        #expect(imported.status == 201)
        expectProblem(try fixture.read("\(imported.headers["location"] ?? "")/schedule"), 404, "not_found")
    }

    @Test func schedulesBelongToTheOwnersOfTheirWorkflows() throws {
        let (path, stranger) = (try fixture.makeSchedule(), try fixture.application.makeUser())
        let admin = try fixture.application.adminToken()
        let body = ScheduleFixture.body(["cron": "@daily"])
        for method in ["GET", "PUT", "DELETE"] {
            let answer = try fixture.call(method, path, method == "PUT" ? body : nil, by: stranger.token)
            expectProblem(answer, 404, "not_found", method)
        }
        #expect(try fixture.call("GET", "/api/schedules", by: stranger.token)["items"] == [])
        #expect(try fixture.call("GET", path, by: admin).status == 200)
        let changed = try fixture.call("PUT", path, body, by: admin)
        #expect(changed.status == 200 && changed["user_id"] == .string(fixture.user.id))
        let found = try fixture.call("GET", "/api/schedules?user_id=\(fixture.user.id)&paused=false", by: admin)
        #expect(found["items"].each("cron") == ["@daily"])
        let one = "/api/schedules?workflow_id=\(changed["workflow_id"].stringValue ?? "")&fields=id"
        #expect(try fixture.read(one)["items"] == [["id": changed["id"]]])
        #expect(try fixture.read("/api/schedules?paused=true")["items"] == [])
        #expect(try fixture.read("/api/schedules?workflow_id=no-such-key")["items"] == [])
        let key = try fixture.application.connection.execute(
            "UPDATE workflows SET key = 'daily' WHERE id = \(changed["workflow_id"].stringValue ?? "")")
        #expect(key == 1)
        #expect(try fixture.read("/api/schedules?workflow_id=daily&fields=id")["items"] == [["id": changed["id"]]])
        #expect(try fixture.call("DELETE", path, by: admin).status == 204)
    }

    @Test func guestsHaveNoSchedules() throws {
        let made = try fixture.application.post("/api/guests", [:], from: "192.0.2.7")
        let guest = try #require(made["token"].stringValue)
        let workflow = try fixture.makeWorkflow(of: guest)
        for (method, path) in [
            ("PUT", workflow + "/schedule"), ("GET", workflow + "/schedule"), ("DELETE", workflow + "/schedule"),
            ("GET", "/api/schedules"),
        ] {
            let answer = try fixture.call(method, path, method == "PUT" ? ScheduleFixture.body([:]) : nil, by: guest)
            expectProblem(answer, 403, "forbidden", "\(method) \(path)")
        }
        let admin = try fixture.application.adminToken()
        expectProblem(
            try fixture.call("PUT", workflow + "/schedule", ScheduleFixture.body([:]), by: admin), 403, "forbidden")
    }

    /// The account has ended between the authentication and the call.
    @Test func anAdminSetsNoScheduleForAnEndedAccount() throws {
        let workflow = try fixture.makeWorkflow()
        try fixture.connection.execute("UPDATE users SET disabled_at = now() WHERE id = \(fixture.user.id)")
        let admin = try fixture.application.adminToken()
        expectProblem(
            try fixture.call("PUT", workflow + "/schedule", ScheduleFixture.body([:]), by: admin), 409,
            "owner_inactive")
    }
}
