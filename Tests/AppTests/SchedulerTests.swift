import Flows
import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

@testable import App

/// What workers do about schedules that are due.
@Suite struct SchedulerTests {
    private let fixture: ScheduleFixture

    init() throws {
        fixture = try ScheduleFixture()
    }

    private func milliseconds(_ json: JSON?) throws -> Int64 {
        try #require(json?.stringValue.flatMap { RFC3339.milliseconds($0) })
    }

    @Test func aDueScheduleStartsARun() throws {
        let path = try fixture.makeSchedule(["input": ["amount": 3]])
        let before = try fixture.read(path)
        #expect(before["last"] == .null && before["problem"] == .null)
        try fixture.fire()
        #expect(try fixture.runs() == [], "nothing is due")
        try fixture.miss(0)
        try fixture.fire()
        let run = try #require(fixture.runs().first)
        let after = try fixture.read(path)
        #expect(run["workflow_id"] == after["workflow_id"] && run["input"] == ["amount": 3])
        #expect(run["user_id"] == .string(fixture.user.id) && run["started_by"] == .string(fixture.user.id))
        #expect(run["trigger"]?["type"] == "schedule" && run["trigger"]?["id"] == after["id"])
        #expect(run["trigger"]?["scheduled_at"] == after["last"]["at"])
        #expect(try fixture.read("/api/executions?fields=trigger")["items"] == [["trigger": run["trigger"] ?? .null]])
        #expect(after["last"]["outcome"] == "started" && after["last"]["execution_id"] == run["id"])
        #expect(after["last"]["code"] == .null && after.headers["etag"] == before.headers["etag"])
        #expect(try milliseconds(after["last"]["at"]) % 60_000 == 0)
        let times = try #require(after["next_times"].arrayValue).map { try milliseconds($0) }
        let last = try milliseconds(after["last"]["at"])
        #expect(times.count == 5 && times.allSatisfy { $0 > last && $0 % 60_000 == 0 })
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 == 60_000 })
        try fixture.application.work()
        try fixture.fire()
        #expect(try fixture.runs().map { $0["status"] } == ["completed"])
        #expect(fixture.events.all.count == 1)
    }

    /// An hourly schedule has missed the last hours, the last time ten minutes ago.
    @Test(
        arguments: [
            ("skip", 7_200, "allow", 0, "skipped", "misfire"), ("once", 7_200, "allow", 1, "started", nil),
            ("once", 300, "allow", 0, "skipped", "misfire"), ("all", 7_200, "allow", 2, "started", nil),
            ("all", 7_200, "skip", 1, "skipped", "overlap"), ("all", 300, "allow", 0, "skipped", "misfire"),
            ("once", 7_200, "skip", 1, "started", nil),
        ] as [(String, Int64, String, Int, String, String?)])
    func missedInstants(
        misfire: String, window: Int64, overlap: String, runs: Int, outcome: String, code: String?
    ) throws {
        let path = try fixture.makeSchedule([
            "cron": fixture.minute(ago: 10), "misfire": .string(misfire), "misfire_window": .integer(window),
            "overlap": .string(overlap),
        ])
        try fixture.miss(190)
        try fixture.fire()
        let schedule = try fixture.read(path)
        #expect(try fixture.runs().count == runs)
        #expect(schedule["last"]["outcome"] == .string(outcome) && schedule["last"]["code"] == JSON(code))
        let instants = try fixture.runs().map { try milliseconds($0["trigger"]?["scheduled_at"]) }
        #expect(zip(instants, instants.dropFirst()).allSatisfy { $1 - $0 == 3_600_000 })
        #expect(try milliseconds(schedule["next_times"].arrayValue?.first) > fixture.application.clock.now * 1_000)
        #expect(schedule["problem"] == .null)
    }

    /// A later instant is due, so the one before is missed; the newest is not late.
    @Test func skippingStartsARunForAnInstantThatIsNotLate() throws {
        _ = try fixture.makeSchedule(["misfire": "skip", "overlap": "allow"])
        try fixture.miss(3)
        try fixture.fire()
        #expect(try fixture.runs().count == 1)
    }

    @Test func atMostAHundredInstantsAreMadeUpFor() throws {
        let path = try fixture.makeSchedule(["misfire": "all", "misfire_window": 14_400, "overlap": "allow"])
        try fixture.miss(180)
        try fixture.fire()
        let rows = try fixture.connection.query(
            "SELECT trigger->>'scheduled_at' FROM executions ORDER BY created_at, id")
        let instants = try rows.map { try #require(RFC3339.milliseconds(try $0.decode(String.self))) }
        // A minute may begin meanwhile.
        #expect((100...101).contains(instants.count))
        #expect(zip(instants, instants.dropFirst()).allSatisfy { $1 - $0 == 60_000 })
        #expect(try milliseconds(fixture.read(path)["last"]["at"]) == instants.last)
    }

    /// Each instant starts one run.
    @Test func workersDoNotMeet() throws {
        for _ in 1...5 {
            _ = try fixture.makeSchedule(["misfire": "all", "misfire_window": 3_600, "overlap": "allow"])
        }
        try fixture.miss(20)
        let (engine, database) = (fixture.application.services.engine, fixture.application.database)
        let threads = try (1...4).map { _ in
            try NativeThread {
                let scheduler = Scheduler(engine, on: database.connectAsApplication())
                do {
                    while try scheduler.fireSome(for: .seconds(20)) {}
                } catch {
                    Issue.record("\(error)")
                }
            }
        }
        for thread in threads { thread.join() }
        // A worker that met another one everywhere has stopped early.
        try fixture.fire()
        let rows = try fixture.connection.query(
            "SELECT count(*), count(DISTINCT (workflow_id, trigger->>'scheduled_at')) FROM executions")
        let (runs, instants) = try rows.only.decode(Int.self, Int.self)
        #expect(runs == instants && runs >= 5 * 21, "\(runs) runs of \(instants) instants")
    }

    /// What was decided stays decided.
    @Test func aClockThatGoesBackRepeatsNothing() throws {
        let path = try fixture.makeSchedule(["timezone": "Europe/Berlin"])
        func decide(until time: SQL) throws {
            try fixture.application.database.connect().execute(
                """
                UPDATE schedules SET decided_until = \(time), next_times = ARRAY[
                    date_trunc('minute', \(time)) + interval '1 minute']
                """)
        }
        let now = fixture.application.clock.now * 1_000
        try decide(until: "now() + interval '1 hour'")
        try fixture.fire()
        #expect(try fixture.runs() == [])
        let changed = try fixture.call("PUT", path, ["cron": "*/2 * * * *"])
        #expect(try milliseconds(changed["next_times"].arrayValue?.first) > now + 3_590_000)
        // A clock that was that far ahead was wrong.
        try decide(until: "now() + interval '1 year'")
        let again = try fixture.call("PUT", path, ["cron": "* * * * *"])
        #expect(try milliseconds(again["next_times"].arrayValue?.first) < now + 3_600_000)
    }

    @Test func anActiveRunIsNotOverlapped() throws {
        let path = try fixture.makeSchedule(["cron": "* * * * *", "overlap": "skip"])
        for (number, outcome) in ["started", "skipped", "skipped"].enumerated() {
            try fixture.miss(0)
            try fixture.fire()
            #expect(try fixture.read(path)["last"]["outcome"] == .string(outcome), "\(number)")
        }
        #expect(try fixture.runs().count == 1)
        try fixture.application.work()
        try fixture.miss(0)
        try fixture.fire()
        #expect(try fixture.read(path)["last"]["outcome"] == "started" && fixture.runs().count == 2)
    }

    @Test func pausingLeavesInstantsOut() throws {
        let path = try fixture.makeSchedule()
        let paused = try fixture.call("PUT", path, ["cron": "* * * * *", "paused": true])
        #expect(paused["next_times"] == [] && paused["paused"] == true)
        try fixture.connection.execute("UPDATE schedules SET decided_until = now() - interval '1 hour'")
        try fixture.fire()
        let resumed = try fixture.call("PUT", path, ["cron": "* * * * *", "paused": false])
        #expect(resumed["next_times"].arrayValue?.count == 5)
        try fixture.fire()
        #expect(try fixture.runs() == [] && fixture.read(path)["last"] == .null)
    }

    /// A change of the input does not lose an instant that is due.
    @Test func anInstantThatIsDueOutlivesOtherChanges() throws {
        let path = try fixture.makeSchedule()
        try fixture.miss(0)
        #expect(try fixture.call("PUT", path, ["cron": "* * * * *", "input": [1]]).status == 200)
        try fixture.fire()
        #expect(try fixture.runs().map { $0["input"] } == [[1]])
    }

    /// The schedules of a user do not hold up those of others.
    @Test func usersHaveTurns() throws {
        let owner = fixture.application.database.connect()
        try owner.pipeline([
            "INSERT INTO users (id, username) SELECT uuid_v7(), 'many' || n FROM generate_series(1, 100) n",
            """
            INSERT INTO workflows (id, user_id, version)
            SELECT uuid_v7(), u.id, 1 FROM users u, generate_series(1, 100) WHERE u.username LIKE 'many%'
            """,
            """
            INSERT INTO workflow_versions (workflow_id, version, name, flow, passes_errors, created_at)
            SELECT w.id, 1, 'w', \(JSON.workflow("w")["flow"] ?? .null), true, now() FROM workflows w
            """,
            """
            INSERT INTO schedules (id, workflow_id, user_id, cron, timezone, misfire, misfire_window, overlap, input,
                paused, decided_until, next_times)
            SELECT uuid_v7(), id, user_id, '* * * * *', 'UTC', 'once', 3600, 'skip', '{}', false,
                now() - interval '1 hour', ARRAY[date_trunc('minute', now()) - interval '30 minutes']
            FROM workflows
            """,
        ])
        let path = try fixture.makeSchedule()
        try fixture.miss(0, path)
        let first = try DueSchedule.next(101, on: fixture.connection)
        #expect(Set(first.map(\.userID)).count == 101)
        let id = try fixture.read(path)["id"].stringValue
        #expect(first.contains { $0.id == id && $0.userID == fixture.user.id })
        // As many as there is time for.
        #expect(try fixture.makeScheduler().fireSome(for: .zero))
        #expect(fixture.events.all.count == 1)
    }
}
