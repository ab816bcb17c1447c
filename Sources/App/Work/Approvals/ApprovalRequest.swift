import HTTP
import JSON
import Postgres

/// An approval that a run waits for, as those see it who may decide.
struct ApprovalRequest {
    /// What they see of the run.
    static let resource = Resource(
        "Approval", .id("execution_id", sql: "a.execution_id"),
        .integer("step", sql: "a.step").described("Which step waits; the decision names it"),
        .json("message", sql: "s.output -> 'message'").described("What has to be decided"),
        .time("created_at", sql: "a.created_at").described("Since when the run waits"))

    /// What follows `FROM`: the approvers of steps that wait for a decision.
    static let open: SQL = """
        approvers a JOIN queue q ON q.execution_id = a.execution_id
            JOIN steps s ON s.execution_id = a.execution_id AND s.seq = a.step
        WHERE q.state = 'waiting' AND q.signal IS NULL AND s.status = 'waiting' AND s.error IS NULL
        """

    /// The requests that the user may decide; an admin who is named as a user and as an admin has one of them.
    static func toBeDecided(by user: Principal) -> SQL {
        guard user.isAdmin else { return "\(open) AND a.approver_id = \(user.id)" }
        return """
            \(open) AND (a.approver_id = \(user.id) OR NOT EXISTS (
                SELECT FROM approvers o WHERE o.execution_id = a.execution_id AND o.approver_id = \(user.id)))
            """
    }

    /// The user to whom the run belongs.
    let ownerID: String
    /// The number of the run's last step, which perhaps waits.
    let step: Int
    let mayDecide: Bool
    /// When this was read (RFC 3339).
    let time: String

    /// The request of that run; nil if there is no such run.
    ///
    /// The user may decide if listed. Admins may also if no approver is active any more, and the owner if the step
    /// began to wait in an earlier release, which stored no approvers.
    static func find(of executionID: String, for user: Principal, on connection: Connection) throws -> ApprovalRequest?
    {
        let approvers: SQL = "FROM approvers a WHERE a.execution_id = e.id AND a.step = s.seq"
        return try connection.query(
            """
            SELECT e.user_id, coalesce(s.seq, 0), rfc3339(clock_timestamp()),
                EXISTS (SELECT \(approvers) AND a.approver_id = ANY(\(identities(of: user))::uuid[]))
                    OR e.user_id = \(user.id) AND NOT EXISTS (SELECT \(approvers))
                    OR \(user.isAdmin) AND NOT EXISTS (
                        SELECT \(approvers) AND EXISTS (
                            SELECT FROM users u WHERE u.id = a.approver_id AND u.disabled_at IS NULL))
            FROM executions e LEFT JOIN LATERAL (
                SELECT seq FROM steps WHERE execution_id = e.id ORDER BY seq DESC LIMIT 1) s ON true
            WHERE e.id = \(executionID)
            """
        ).first.map { row in
            var columns = row.columns
            let (ownerID, step): (String, Int64) = (try columns.next(), try columns.next())
            let time: String = try columns.next()
            return ApprovalRequest(ownerID: ownerID, step: Int(step), mayDecide: try columns.next(), time: time)
        }
    }

    /// The ids under which the user is listed.
    private static func identities(of user: Principal) -> [String] {
        user.isAdmin ? [user.id, Approvers.anyAdmin] : [user.id]
    }
}
