import Crypto
import Flows
import HTTP
import JSON
import Postgres

extension Schedule {
    private static let columns: SQL = "s.id, s.user_id, s.version, stored_bytes(s), \(resource.columns)"

    private init(_ row: Row) throws {
        var columns = row.columns
        id = try columns.next()
        userID = try columns.next()
        version = try columns.next()
        storedBytes = try columns.next()
        json = try Schedule.resource.json(&columns)
    }

    /// The schedules that the principal may read.
    static func readable(by principal: Principal) -> SQL {
        principal.isAdmin ? "schedules s WHERE true" : "schedules s WHERE s.user_id = \(principal.id)"
    }

    /// The schedule of the workflow, or nil; `locked` locks the row until the transaction ends.
    static func find(
        ofWorkflow workflowID: String, locked: Bool = false, on connection: Connection
    ) throws -> Schedule? {
        let lock: SQL = locked ? "FOR UPDATE" : ""
        return try connection.query(
            "SELECT \(columns) FROM schedules s WHERE s.workflow_id = \(workflowID) \(lock)"
        ).first.map(Schedule.init)
    }

    /// The next instants of a schedule that is set now. An instant that was decided before is none of them, also if the
    /// clock has gone back; if it has gone back by more than a day, it was wrong before.
    ///
    /// - Parameter id: the present schedule of the workflow; nil: none.
    static func nextTimes(of draft: ScheduleDraft, replacing id: String?, on connection: Connection) throws -> [Int64] {
        let columns = ScheduleSpan.columns(from: "t.start", until: "t.start", in: "\(draft.timezone)::text")
        let row = try connection.query(
            """
            SELECT \(columns) FROM (
                SELECT greatest(date_trunc('second', clock_timestamp()), (
                    SELECT s.decided_until FROM schedules s
                    WHERE s.id = \(optional: id) AND s.decided_until < clock_timestamp() + interval '1 day')) AS start
            ) t
            """
        ).only
        var values = row.columns
        let span = try ScheduleSpan(&values)
        return try span.instants(of: draft.expression, in: draft.timezone, on: connection).after
    }

    /// Stores the schedule of the workflow. The rows of the workflow and of its present schedule must be locked.
    static func store(
        _ draft: ScheduleDraft, of workflow: Workflow, replacing present: Schedule?, counting quota: StorageQuota,
        on connection: Connection
    ) throws -> Schedule {
        let keepsTimes = present?.hasTimes(of: draft) == true
        let times = keepsTimes || draft.isPaused ? [] : try nextTimes(of: draft, replacing: present?.id, on: connection)
        let bytes: SQL = "(SELECT bytes FROM stored)"
        let row = try connection.query(
            """
            WITH stored AS (
                INSERT INTO schedules AS s (id, workflow_id, user_id, cron, timezone, misfire, misfire_window, overlap,
                    input, paused, decided_until, next_times)
                VALUES (\(UUIDv7.make()), \(workflow.id), \(workflow.userID), \(draft.cron), \(draft.timezone),
                    \(draft.misfire.rawValue), \(draft.misfireWindow), \(draft.overlap.rawValue), \(draft.input),
                    \(draft.isPaused), date_trunc('second', clock_timestamp()), \(timestamps(times)))
                ON CONFLICT (workflow_id) DO UPDATE
                SET cron = excluded.cron, timezone = excluded.timezone, misfire = excluded.misfire,
                    misfire_window = excluded.misfire_window, overlap = excluded.overlap, input = excluded.input,
                    paused = excluded.paused, version = s.version + 1, updated_at = clock_timestamp(), problem = NULL,
                    decided_until = CASE
                        WHEN \(keepsTimes) OR s.decided_until BETWEEN excluded.decided_until
                            AND excluded.decided_until + interval '1 day'
                        THEN s.decided_until ELSE excluded.decided_until END,
                    next_times = CASE WHEN \(keepsTimes) THEN s.next_times ELSE excluded.next_times END
                RETURNING s.*, stored_bytes(s) - \(present?.storedBytes ?? 0) AS bytes
            ),
            \(quota.room(after: bytes, of: workflow.userID)),
            counted AS (\(quota.counting(bytes, of: workflow.userID)))
            SELECT s.id, s.user_id, s.version, s.bytes, \(resource.columns) FROM stored s
            """
        ).only
        return try Schedule(row)
    }

    /// An array of times, which are seconds since 1970.
    static func timestamps(_ seconds: [Int64]) -> SQL {
        "ARRAY(SELECT to_timestamp(t) FROM unnest(\(seconds)::bigint[]) t ORDER BY t)"
    }

    /// The role of the user, who is locked: of two concurrent calls, neither would count the other's schedule. Nil if
    /// the account has ended.
    static func lockOwner(_ userID: String, on connection: Connection) throws -> Role? {
        try connection.query(
            "SELECT role FROM users WHERE id = \(userID) AND disabled_at IS NULL FOR NO KEY UPDATE"
        ).first.flatMap { Role(rawValue: try $0.decode(String.self)) }
    }

    static func count(of userID: String, on connection: Connection) throws -> Int {
        try connection.query("SELECT count(*) FROM schedules WHERE user_id = \(userID)").only.decode(Int.self)
    }

    /// The statement that deletes the schedule of a workflow, if it has one.
    static func removal(ofWorkflow workflowID: String, of userID: String, counting quota: StorageQuota) -> SQL {
        """
        WITH gone AS (DELETE FROM schedules s WHERE workflow_id = \(workflowID) RETURNING stored_bytes(s) AS bytes)
        \(quota.givingBack("SELECT bytes FROM gone", of: userID))
        """
    }
}
