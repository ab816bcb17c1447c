import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Schedules that cannot start a run.
@Suite struct ScheduleRefusalTests {
    private let fixture: ScheduleFixture

    init() throws {
        fixture = try ScheduleFixture { $0.runLimits.storage = StorageQuota(user: 20_000, guest: 20_000) }
    }

    /// Nothing piles up: the next instant is awaited. When the reason is gone, runs start again.
    private func expectFailure(
        _ code: String, of path: String, naming text: String? = nil, until removeReason: () throws -> Void
    ) throws {
        for number in 1...2 {
            try fixture.miss(5, path)
            try fixture.fire()
            let schedule = try fixture.call("GET", path, by: fixture.application.adminToken())
            let (last, problem) = (schedule["last"], schedule["problem"])
            #expect(last["outcome"] == "failed" && last["code"] == .string(code), "\(schedule.text)")
            #expect(last["execution_id"] == .null && problem["code"] == .string(code))
            if let text { #expect(schedule["problem"]["message"]?.stringValue?.contains(text) == true) }
            #expect(schedule["next_times"].arrayValue?.count == 5)
            #expect(try fixture.count("schedules WHERE next_at <= now()") == 0)
            let reported = fixture.events.take().map { event in
                switch event {
                case .scheduleFailed(_, let code, _): code
                case .scheduleDecided(let outcome): outcome.rawValue
                default: "?"
                }
            }
            #expect(reported == [number == 1 ? code : "failed"], "a problem that lasts is reported once")
        }
        #expect(try fixture.count("executions WHERE trigger IS NOT NULL") == 0)
        try removeReason()
        try fixture.miss(0, path)
        try fixture.fire()
        let schedule = try fixture.call("GET", path, by: fixture.application.adminToken())
        #expect(schedule["last"]["outcome"] == "started" && schedule["problem"] == .null, "\(schedule.text)")
    }

    @Test func withoutCredits() throws {
        try fixture.connection.execute(
            """
            INSERT INTO prices (task_type, cost, active) VALUES ('pass', 1000, true)
            ON CONFLICT (task_type) DO UPDATE SET cost = 1000
            """)
        let path = try fixture.makeSchedule()
        try expectFailure("insufficient_credits", of: path) {
            let grant: JSON = ["user_id": .string(fixture.user.id), "amount": 5_000]
            let token = try fixture.application.adminToken()
            #expect(try fixture.call("POST", "/api/credits/grants", grant, by: token).status == 201)
        }
    }

    @Test func ofADisabledOwner() throws {
        let path = try fixture.makeSchedule()
        func disable(_ isDisabled: Bool) throws {
            let token = try fixture.application.adminToken()
            let answer = try fixture.call(
                "PATCH", "/api/users/\(fixture.user.id)", ["disabled": .bool(isDisabled)], by: token)
            #expect(answer.status == 200)
        }
        try disable(true)
        try expectFailure("owner_inactive", of: path) { try disable(false) }
    }

    @Test func withAFullQueue() throws {
        let path = try fixture.makeSchedule()
        let own: SQL = "WHERE user_id = \(fixture.user.id)"
        try fixture.connection.pipeline([
            """
            INSERT INTO executions (id, user_id, flow, input, status, created_at)
            SELECT uuid_v7(), \(fixture.user.id)::uuid, '{}', '1', 'running', now() FROM generate_series(1, 10000)
            """,
            """
            INSERT INTO queue (execution_id, user_id, state, available_at)
            SELECT id, user_id, 'waiting', 'infinity' FROM executions \(own)
            """,
        ])
        try expectFailure("too_many_runs", of: path) { try fixture.connection.execute("DELETE FROM queue \(own)") }
    }

    @Test func withFullStorage() throws {
        let path = try fixture.makeSchedule(["input": .string(String(repeating: "x", count: 5_000))])
        let text = JSON.string(String(repeating: "y", count: 12_000))
        #expect(try fixture.call("PUT", "/api/data/a", ["value": text]).status == 200)
        try expectFailure("quota_exceeded", of: path) {
            let answer = try fixture.call("DELETE", "/api/data/a")
            #expect(answer.status == 204)
        }
    }

    @Test func withAnInputThatNoLongerFits() throws {
        let path = try fixture.makeSchedule(["input": ["amount": "many"]])
        let workflow = String(path.dropLast("/schedule".count))
        let schema: JSON = ["type": "object", "properties": ["amount": ["type": "number"]]]
        #expect(try fixture.call("PUT", workflow, .workflow("w", ["input_schema": schema])).status == 200)
        try expectFailure("validation_failed", of: path, naming: "/input/amount") {
            let answer = try fixture.call("PUT", workflow, .workflow("w"))
            #expect(answer.status == 200)
        }
    }

    @Test func withATaskTypeThatIsSwitchedOff() throws {
        let path = try fixture.makeSchedule()
        func switchPass(on isActive: Bool) throws {
            try fixture.connection.execute(
                """
                INSERT INTO prices (task_type, cost, active) VALUES ('pass', 0, \(isActive))
                ON CONFLICT (task_type) DO UPDATE SET active = excluded.active
                """)
        }
        try switchPass(on: false)
        try fixture.miss(5)
        try fixture.fire()
        let problem = try fixture.read(path)["problem"]
        #expect(problem["code"] == "validation_failed" && problem["message"]?.stringValue?.contains("pass") == true)
    }

    /// The others are not affected.
    @Test func inATimeZoneThatIsNoMore() throws {
        let (path, other) = (try fixture.makeSchedule(), try fixture.makeSchedule())
        try fixture.miss(1)
        try fixture.connection.execute(
            """
            UPDATE schedules SET timezone = 'Mars/Phobos'
            WHERE workflow_id = \(String(path.split(separator: "/")[2]))
            """)
        try fixture.fire()
        let schedule = try fixture.read(path)
        #expect(schedule["problem"]["code"] == "validation_failed" && schedule["next_times"] == [])
        #expect(schedule["problem"]["message"]?.stringValue?.contains("time zone") == true)
        #expect(try fixture.read(other)["last"]["outcome"] == "started")
        #expect(try fixture.call("PUT", path, ["cron": "* * * * *"])["next_times"].arrayValue?.count == 5)
    }

    /// A release that did not know schedules has deleted the workflow.
    @Test func ofAWorkflowThatIsGone() throws {
        _ = try fixture.makeSchedule()
        try fixture.miss(0)
        try fixture.connection.execute("UPDATE workflows SET deleted_at = now()")
        try fixture.fire()
        #expect(try fixture.count("schedules") == 0 && fixture.count("executions") == 0)
    }

    /// A duty does not wait for a transaction of the user; the next round fires what is left.
    @Test func aUserWithAHeldLockDoesNotHoldUpOthers() throws {
        let path = try fixture.makeSchedule(ofWorkflow: ["concurrency": 1])
        let stranger = try fixture.application.makeUser()
        _ = try fixture.makeSchedule(of: stranger.token)
        try fixture.miss(0)
        let held = try HeldRows("SELECT lock_places(\(fixture.user.id))", in: fixture.application.database)
        try fixture.fire()
        #expect(try fixture.read(path)["last"] == .null && fixture.runs(of: stranger.token).count == 1)
        held.release()
        try fixture.fire()
        #expect(try fixture.read(path)["last"]["outcome"] == "started")
    }
}
