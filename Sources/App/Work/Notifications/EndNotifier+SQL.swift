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
    /// Nil if the workflow notifies no more.
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
    /// How many notifications of a user that have ended are kept.
    static let keptPerUser = 1_000

    private static let lock: SQL = "SELECT pg_try_advisory_xact_lock(x'666C6F770000002A'::bigint)"

    /// Whether an attempt is due.
    package static func isDue(on connection: Connection) throws -> Bool {
        try !connection.query(
            "SELECT FROM end_notifications WHERE state = 'pending' AND due_at <= clock_timestamp() LIMIT 1"
        ).isEmpty
    }

    /// Claims notifications that are due, of the users after `lastUser` in the order of their ids: users have turns.
    /// Other processes claim nothing at the same moment, so that none exceeds the limit of a user.
    static func claim(
        _ count: Int, after lastUser: String, on connection: Connection
    ) throws -> [ClaimedNotification] {
        guard count > 0 else { return [] }
        return try connection.transaction { connection -> [ClaimedNotification] in
            guard try connection.query(lock).only.decode(Bool.self) else { return [] }
            let lease = UUIDv7.make()
            let rows = try connection.query(
                """
                WITH RECURSIVE turns AS (
                    (SELECT n.user_id FROM end_notifications n
                    WHERE n.state = 'pending' AND n.user_id > \(lastUser)::uuid ORDER BY n.user_id LIMIT 1)
                    UNION ALL
                    SELECT (
                        SELECT n.user_id FROM end_notifications n
                        WHERE n.state = 'pending' AND n.user_id > t.user_id ORDER BY n.user_id LIMIT 1)
                    FROM turns t WHERE t.user_id IS NOT NULL
                ), due AS (
                    SELECT next.id FROM turns t, LATERAL (
                        SELECT n.id FROM end_notifications n
                        WHERE n.user_id = t.user_id AND n.state = 'pending' AND n.due_at <= clock_timestamp()
                        ORDER BY n.due_at
                        LIMIT greatest(0, \(attemptsPerUser) - (
                            SELECT count(*) FROM end_notifications l
                            WHERE l.user_id = t.user_id AND l.lease IS NOT NULL AND l.due_at > clock_timestamp()))
                        FOR UPDATE SKIP LOCKED) next
                    WHERE t.user_id IS NOT NULL
                        AND (SELECT u.disabled_at IS NULL FROM users u WHERE u.id = t.user_id)
                    LIMIT \(count)
                ), claimed AS (
                    UPDATE end_notifications n
                    SET lease = \(lease), attempts = n.attempts + 1,
                        due_at = clock_timestamp() + \(leaseSeconds) * interval '1 second'
                    WHERE n.id = ANY(ARRAY(SELECT id FROM due))
                    RETURNING n.*)
                SELECT c.id, c.user_id, c.attempts, c.workflow_id, c.execution_id, c.status,
                    rfc3339(c.run_created_at), rfc3339(c.run_finished_at),
                    (SELECT w.end_url FROM workflows w WHERE w.id = c.workflow_id AND w.deleted_at IS NULL),
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
            DELETE FROM end_notifications
            WHERE user_id = \(claim.userID) AND ended_at <= (
                SELECT o.ended_at FROM end_notifications o WHERE o.user_id = \(claim.userID) AND o.ended_at IS NOT NULL
                ORDER BY o.ended_at DESC OFFSET \(keptPerUser) LIMIT 1)
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
                ended_at = NULL, attempts = CASE WHEN n.state = 'pending' THEN n.attempts ELSE 0 END,
                give_up_at = clock_timestamp() + \(EndNotification.patience) * interval '1 second'
            WHERE n.id = \(id) AND n.workflow_id = \(workflowID) AND (n.state = 'pending' OR (
                SELECT count(*) FROM (
                    SELECT FROM end_notifications p WHERE p.user_id = n.user_id AND p.state = 'pending'
                    LIMIT \(EndNotification.maximumPending)) pending) < \(EndNotification.maximumPending))
            """) == 1
    }
}
