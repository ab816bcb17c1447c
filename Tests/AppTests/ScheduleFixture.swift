import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// A user with workflows that have schedules, and the part of a worker that fires them.
struct ScheduleFixture {
    let application: TestApplication
    let user: TestUser
    /// What the scheduler has reported.
    let events = Recording<ApplicationEvent>()

    init(_ settings: (inout TestServices) throws -> Void = { _ in }) throws {
        application = try TestApplication(settings)
        user = try application.makeUser()
    }

    var connection: Connection { application.connection }

    func makeScheduler(on connection: Connection? = nil) -> Scheduler {
        Scheduler(application.services.engine, on: connection ?? self.connection) { [events] in events.add($0) }
    }

    func call(_ method: String, _ target: String, _ body: JSON? = nil, by token: String? = nil) throws -> HTTPAnswer {
        try application.send(method, target, body, token: token ?? user.token)
    }

    /// The path of a new workflow.
    func makeWorkflow(_ more: [String: JSON] = [:], of token: String? = nil) throws -> String {
        let made = try call("POST", "/api/workflows", .workflow("w", more), by: token)
        return try #require(made.headers["location"], "\(made.text)")
    }

    /// The path of the schedule of a new workflow.
    func makeSchedule(
        _ members: [String: JSON] = [:], ofWorkflow more: [String: JSON] = [:], of token: String? = nil
    ) throws -> String {
        let path = try makeWorkflow(more, of: token) + "/schedule"
        let answer = try call("PUT", path, Self.body(members), by: token)
        try #require(answer.status == 200, "\(answer.text)")
        return path
    }

    static func body(_ members: [String: JSON]) -> JSON {
        var body = JSONObject([.init(name: "cron", value: "* * * * *")])
        for (name, value) in members { body[name] = value }
        return .object(body)
    }

    func read(_ path: String) throws -> HTTPAnswer { try call("GET", path) }

    /// Makes the schedules of all workflows, or of one, due since that long ago, as if no worker had run since then.
    func miss(_ minutes: Int, _ path: String? = nil) throws {
        let one: SQL = path.map { "WHERE workflow_id = \(String($0.split(separator: "/")[2]))" } ?? ""
        try application.database.connect().execute(
            """
            UPDATE schedules SET decided_until = t - interval '1 second', next_times = ARRAY[t]
            FROM (SELECT date_trunc('minute', clock_timestamp()) - \(minutes) * interval '1 minute' AS t) missed \(one)
            """)
    }

    /// The minute field of a time that many minutes ago, of an hourly schedule that has missed it, and the previous
    /// hours.
    func minute(ago minutes: Int) throws -> JSON {
        let minute = try connection.query(
            "SELECT extract(minute FROM clock_timestamp() - \(minutes) * interval '1 minute')::int"
        ).only.decode(Int.self)
        return .string("\(minute) * * * *")
    }

    /// Fires until nothing is due.
    func fire(on connection: Connection? = nil) throws {
        let scheduler = makeScheduler(on: connection)
        while try scheduler.fireSome(for: .seconds(20)) {}
    }

    /// The runs of the user that schedules have started, oldest first.
    func runs(of token: String? = nil) throws -> [JSON] {
        let list = try call("GET", "/api/executions?limit=100&sort=created_at", by: token)["items"].arrayValue ?? []
        return try list.map { item in
            try call("GET", "/api/executions/\(item["id"]?.stringValue ?? "")", by: token).json
        }
    }

    func count(_ table: SQL) throws -> Int { try application.count("SELECT count(*) FROM \(table)") }
}
