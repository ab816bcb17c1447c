import Crypto
import Flows
import JSON
package import Postgres
import System

/// A notification that this process has claimed.
struct ClaimedNotification: Sendable {
    let id: String
    let userID: String
    let lease: String
    /// The number of this attempt, from 1.
    let attempt: Int
    let workflowID: String
    let executionID: String
    let status: String
    let runCreatedAt: String
    let runFinishedAt: String
    /// Nil if the workflow notifies no more, or its owner is disabled.
    let url: String?
    /// The secrets that sign now: the present one, and one that was replaced.
    let sealedSecrets: [[UInt8]]
}

extension ClaimedNotification {
    fileprivate init(_ row: Row, lease: String) throws {
        var columns = row.columns
        id = try columns.next()
        userID = try columns.next()
        self.lease = lease
        attempt = try columns.next(Int.self)
        workflowID = try columns.next()
        executionID = try columns.next()
        status = try columns.next()
        runCreatedAt = try columns.next()
        runFinishedAt = try columns.next()
        url = try columns.next()
        let present = try columns.next([UInt8]?.self)
        let former = try columns.next([UInt8]?.self)
        sealedSecrets = [present, former].compactMap(\.self)
    }
}

extension EndNotifier {
    /// How many attempts for one user are made at once, by all processes.
    static let attemptsPerUser = 4
    /// How long a claim lasts, in seconds: longer than an attempt.
    static let leaseSeconds = 30
    /// How many notifications of a user that have ended are kept, and how many more are removed at once.
    static let keptPerUser = 1_000
    private static let removedAtOnce = 1_000
    /// Of how many users notifications are considered at once.
    private static let usersPerClaim = 64

    private static let lock: SQL = "SELECT pg_try_advisory_xact_lock(x'666C6F770000002A'::bigint)"

    /// Whether an attempt is due.
    package static func isDue(on connection: Connection) throws -> Bool {
        try !connection.query(
            "SELECT FROM end_notifications WHERE state = 'pending' AND due_at <= clock_timestamp() LIMIT 1"
        ).isEmpty
    }

    /// Claims notifications that are due. Users have turns: those with the fewest attempts at the moment come first,
    /// then those who have waited for longest. It reads what is due, of as many users as are considered, and nothing of
    /// users whose notifications are due later. Other processes claim nothing at the same moment, so that none exceeds
    /// the limit of a user.
    static func claim(_ count: Int, on connection: Connection) throws -> [ClaimedNotification] {
        guard count > 0 else { return [] }
        let due: SQL = "n.state = 'pending' AND n.due_at <= clock_timestamp()"
        return try connection.transaction { connection -> [ClaimedNotification] in
            guard try connection.query(lock).only.decode(Bool.self) else { return [] }
            let lease = UUIDv7.make()
            let rows = try connection.query(
                """
                WITH RECURSIVE running AS (
                    SELECT l.user_id, count(*) AS number FROM end_notifications l
                    WHERE l.lease IS NOT NULL AND l.due_at > clock_timestamp() GROUP BY l.user_id
                ), turns AS (
                    (SELECT n.user_id, n.due_at, full_users.ids || n.user_id AS seen
                    FROM (SELECT ARRAY(
                        SELECT r.user_id FROM running r WHERE r.number >= \(attemptsPerUser)) AS ids) full_users,
                        end_notifications n
                    WHERE \(due) AND n.user_id <> ALL(full_users.ids) ORDER BY n.due_at LIMIT 1)
                    UNION ALL
                    SELECT next.user_id, next.due_at, t.seen || next.user_id FROM turns t, LATERAL (
                        SELECT n.user_id, n.due_at FROM end_notifications n
                        WHERE \(due) AND n.due_at >= t.due_at AND n.user_id <> ALL(t.seen)
                        ORDER BY n.due_at LIMIT 1) next
                ), candidates AS (
                    SELECT next.id, next.due_at, coalesce(r.number, 0)
                        + row_number() OVER (PARTITION BY t.user_id ORDER BY next.due_at) AS turn
                    FROM (SELECT user_id FROM turns LIMIT \(usersPerClaim)) t
                    LEFT JOIN running r ON r.user_id = t.user_id
                    CROSS JOIN LATERAL (
                        SELECT n.id, n.due_at FROM end_notifications n WHERE n.user_id = t.user_id AND \(due)
                        ORDER BY n.due_at LIMIT \(attemptsPerUser) - coalesce(r.number, 0)) next
                ), due AS (SELECT c.id FROM candidates c ORDER BY c.turn, c.due_at LIMIT \(count)
                ), claimed AS (
                    UPDATE end_notifications n
                    SET lease = \(lease), attempts = n.attempts + 1,
                        due_at = clock_timestamp() + \(leaseSeconds) * interval '1 second'
                    WHERE n.id = ANY(ARRAY(SELECT id FROM due)) AND \(due)
                    RETURNING n.*)
                SELECT c.id, c.user_id, c.attempts, c.workflow_id, c.execution_id, c.status,
                    rfc3339(c.run_created_at), rfc3339(c.run_finished_at),
                    (SELECT w.end_url FROM workflows w JOIN users u ON u.id = w.user_id
                    WHERE w.id = c.workflow_id AND w.deleted_at IS NULL AND u.disabled_at IS NULL),
                    (SELECT s.sealed FROM end_secrets s
                    WHERE s.workflow_id = c.workflow_id AND s.expires_at IS NULL),
                    (SELECT s.sealed FROM end_secrets s
                    WHERE s.workflow_id = c.workflow_id AND s.expires_at > now() LIMIT 1)
                FROM claimed c ORDER BY c.user_id, c.created_at
                """)
            return try rows.map { try ClaimedNotification($0, lease: lease) }
        }
    }

    /// Records the end of an attempt, unless the lease is lost. Returns the state of the notification then; nil if
    /// another process has it.
    static func record(_ attempt: EndedAttempt, on connection: Connection) throws -> String? {
        let claim = attempt.claim
        let next: SQL = "clock_timestamp() + \(attempt.delay.microseconds) * interval '1 microsecond'"
        let results = try connection.together([
            """
            UPDATE end_notifications n
            SET lease = NULL, last_status = \(optional: attempt.status)::integer,
                last_error = \(optional: attempt.error)::text, last_answer = \(optional: attempt.answer)::text,
                state = outcome.state,
                due_at = CASE WHEN outcome.state = 'pending' THEN \(next) END,
                ended_at = CASE WHEN outcome.state <> 'pending' THEN clock_timestamp() END
            FROM (
                SELECT CASE
                    WHEN \(attempt.outcome == .delivered) THEN 'delivered'
                    WHEN \(attempt.outcome == .dropped) THEN 'dropped'
                    WHEN \(next) > e.give_up_at THEN 'dead' ELSE 'pending' END AS state
                FROM end_notifications e WHERE e.id = \(claim.id)) outcome
            WHERE n.id = \(claim.id) AND n.lease = \(claim.lease)
            RETURNING n.state
            """,
            """
            DELETE FROM end_notifications WHERE id = ANY(ARRAY(
                SELECT o.id FROM end_notifications o WHERE o.user_id = \(claim.userID) AND o.ended_at IS NOT NULL
                ORDER BY o.ended_at DESC OFFSET \(keptPerUser) LIMIT \(removedAtOnce)))
            """,
        ])
        return try results[0].first?.decode(String.self)
    }

    /// Makes a notification due now, with a day for its attempts, unless one is being made. Returns false if it has
    /// ended and the user has the maximum number of pending ones.
    static func resend(_ id: String, of workflowID: String, on connection: Connection) throws -> Bool {
        try connection.execute(
            """
            UPDATE end_notifications n
            SET state = 'pending', due_at = CASE WHEN n.lease IS NULL THEN clock_timestamp() ELSE n.due_at END,
                ended_at = NULL, attempts = CASE WHEN n.lease IS NULL THEN 0 ELSE n.attempts END,
                give_up_at = clock_timestamp() + \(EndNotification.lifetime) * interval '1 second'
            WHERE n.id = \(id) AND n.workflow_id = \(workflowID) AND (n.state = 'pending' OR (
                SELECT count(*) FROM (
                    SELECT FROM end_notifications p WHERE p.user_id = n.user_id AND p.state = 'pending'
                    LIMIT \(EndNotification.maximumPending)) pending) < \(EndNotification.maximumPending))
            """) == 1
    }
}
