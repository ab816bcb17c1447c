import Cron
import Flows
import JSON
import Postgres

/// A schedule that is due, locked until the transaction ends.
struct DueSchedule {
    let id: String
    let workflowID: String
    let userID: String
    let expression: CronExpression?
    let timezone: String
    let misfire: Misfire
    let overlap: Schedule.Overlap
    let input: JSON
    /// The run that was started last.
    let lastRun: String?
    let hasProblem: Bool
    let isOwnerActive: Bool
    /// The instant at which it has become due, in seconds since 1970.
    let dueAt: Int64
    /// From the last instant that is decided, or that would be too late, until now.
    let span: ScheduleSpan

    /// How many due schedules are looked at, the oldest first, to give users their turns.
    private static let seenAtOnce = 20_000

    /// Schedules that are due, with their owners. Users have turns: first comes one schedule of each, in any order, so
    /// that workers meet as little as possible, then the second ones.
    static func next(
        _ count: Int, on connection: Connection
    ) throws -> [(id: String, userID: String)] {
        try connection.query(
            """
            SELECT d.id, d.user_id FROM (
                SELECT s.id, s.user_id, row_number() OVER (PARTITION BY s.user_id ORDER BY s.next_at, s.id) AS turn
                FROM (
                    SELECT id, user_id, next_at FROM schedules WHERE next_at <= statement_timestamp()
                    ORDER BY next_at LIMIT \(seenAtOnce)
                ) s
            ) d
            ORDER BY d.turn, random() LIMIT \(count)
            """
        ).map { try $0.decode(String.self, String.self) }
    }

    /// The schedule, unless it is not due any more or another transaction holds it. A lost commit is no harm: then the
    /// run is lost, too, and the instant is due again. Other locks are not waited for long.
    ///
    /// - Parameter knowsZone: false if the database does not know the time zone; then the span is in UTC.
    static func lock(_ id: String, knowsZone: Bool, on connection: Connection) throws -> DueSchedule? {
        let zone: SQL = knowsZone ? "s.timezone" : "'UTC'"
        let limit: SQL =
            "CASE s.misfire WHEN 'skip' THEN least(s.misfire_window, \(Misfire.grace)) ELSE s.misfire_window END"
        let start: SQL = "greatest(s.decided_until, c.now - \(limit) * interval '1 second')"
        let rows = try connection.pipeline([
            "SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '100ms', true)",
            """
            SELECT s.id, s.workflow_id, s.user_id, s.cron, s.timezone, s.misfire, s.overlap, s.input, s.last_run,
                s.problem IS NOT NULL, u.disabled_at IS NULL, extract(epoch FROM s.next_at)::bigint,
                \(ScheduleSpan.columns(from: start, until: "c.now", in: zone))
            FROM schedules s JOIN users u ON u.id = s.user_id,
                (SELECT date_trunc('second', clock_timestamp()) AS now) c
            WHERE s.id = \(id) AND s.next_at <= c.now
            FOR UPDATE OF s SKIP LOCKED
            """,
        ])
        return try rows[1].first.map(DueSchedule.init)
    }

    private init(_ row: Row) throws {
        var columns = row.columns
        id = try columns.next()
        workflowID = try columns.next()
        userID = try columns.next()
        expression = try? CronExpression(try columns.next())
        timezone = try columns.next()
        misfire = Misfire(rawValue: try columns.next()) ?? .once
        overlap = Schedule.Overlap(rawValue: try columns.next()) ?? .skip
        input = try columns.next()
        lastRun = try columns.next()
        hasProblem = try columns.next()
        isOwnerActive = try columns.next()
        dueAt = try columns.next()
        span = try ScheduleSpan(&columns)
    }

    /// Whether the run that was started last is active. To be asked after the schedule was locked: the statement that
    /// locks it does not see a run that another worker has started just before.
    func isLastRunActive(on connection: Connection) throws -> Bool {
        guard let lastRun else { return false }
        return try !connection.query("SELECT FROM queue WHERE execution_id = \(lastRun)").isEmpty
    }
}
