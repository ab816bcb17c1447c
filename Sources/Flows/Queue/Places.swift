import JSON
import Postgres
import System

/// The places of workflows with a concurrency limit. A run of such a workflow is limited: it can be claimed only while
/// it holds a place. It is admitted to one before its first step, and keeps it until it ends, except while it waits for
/// runs that it has started: otherwise these could wait for its place. Older runs are admitted first, so a run that is
/// due again after such a wait comes before those that have not begun.
enum Places {
    /// Surrounds statements that take or free a place with the lock before them and the admission of runs after them,
    /// so that no place is assigned twice or lost.
    static func around(_ statements: [SQL], of workflowID: String, _ userID: String) -> [SQL] {
        [lock(of: userID)] + statements + [admit(to: workflowID)]
    }

    static func around(_ statement: SQL, of workflowID: String, _ userID: String) -> [SQL] {
        around([statement], of: workflowID, userID)
    }

    /// The lock that a transaction takes, before any row of the queue, if it changes the places of a workflow or the
    /// rows of several of the user's runs. It prevents deadlocks between such transactions.
    static func lock(of userID: String) -> SQL { "SELECT lock_places(\(userID))" }

    /// Precedes statements that insert runs of a workflow which had no limit when the caller read it. A limit that is
    /// set concurrently applies to them: they read it, or `apply` waits for them. `admitOverlooked` admits them.
    static func reading(limitOf source: FlowSource?, before statements: [SQL]) -> [SQL] {
        guard let workflowID = source?.workflowID else { return statements }
        return ["SELECT pg_advisory_xact_lock_shared(\(key(ofLimit: workflowID)))"] + statements
    }

    /// Of the lock that is taken after that of the user.
    private static func key(ofLimit workflowID: String) -> SQL {
        // "flow" in ASCII, and any number.
        "hashtextextended(\(workflowID)::uuid::text, x'666C6F770000001A'::bigint)"
    }

    static func admit(to workflowID: String) -> SQL { "SELECT admit_runs(\(workflowID))" }

    /// Admits the run that started this one, which was woken, if a place is free.
    static func admitParent(of execution: ExecutionOf<some JSONValue>) -> SQL? {
        execution.parent.map { admitRun($0.executionID) }
    }

    /// Admits the run if it is due and a place is free.
    private static func admitRun(_ id: String) -> SQL {
        "SELECT admit_runs(q.workflow_id) FROM queue q WHERE q.execution_id = \(id) AND q.is_limited"
    }

    /// Applies a changed limit of a workflow to its runs in the queue. Those that have begun keep their places.
    static func apply(limitOf workflowID: String, _ userID: String, on connection: Connection) throws {
        let notification: SQL = "WITH changed AS (SELECT)\(Queue.notifyIdleWorker) SELECT"
        try connection.pipeline(
            around(
                [
                    "SELECT pg_advisory_xact_lock(\(key(ofLimit: workflowID)))",
                    """
                    UPDATE queue q
                    SET is_limited = w.concurrency IS NOT NULL,
                        is_admitted = w.concurrency IS NULL OR (q.is_admitted
                            AND (q.lease IS NOT NULL
                                OR EXISTS (SELECT FROM steps s WHERE s.execution_id = q.execution_id))
                            AND NOT (q.state = 'waiting' AND EXISTS (
                                SELECT FROM queue c WHERE c.parent_id = q.execution_id)))
                    FROM workflows w
                    WHERE w.id = \(workflowID) AND q.workflow_id = w.id AND q.user_id = \(userID)
                    """,
                ], of: workflowID, userID) + [notification])
    }

    /// Admits runs to free places that have been overlooked, of as many workflows as there is time for: if a limit
    /// changes while runs start or end, or if a process dies between waking a run and admitting it. Each search for the
    /// next workflow reads one entry of an index.
    static func admitOverlooked(during share: TimeShare, on connection: Connection) throws {
        let isUnadmitted: SQL = "q.is_limited AND NOT q.is_admitted AND q.state = 'queued'"
        let overlooked = try connection.query(
            """
            WITH RECURSIVE waiting AS (
                (SELECT q.workflow_id, q.user_id FROM queue q WHERE \(isUnadmitted) ORDER BY q.workflow_id LIMIT 1)
                UNION ALL
                SELECT next.workflow_id, next.user_id FROM waiting, LATERAL (
                    SELECT q.workflow_id, q.user_id FROM queue q
                    WHERE \(isUnadmitted) AND q.workflow_id > waiting.workflow_id ORDER BY q.workflow_id LIMIT 1) next)
            SELECT waiting.workflow_id, waiting.user_id
            FROM waiting JOIN workflows w ON w.id = waiting.workflow_id
            WHERE w.concurrency IS NULL OR w.concurrency > (
                SELECT count(*) FROM queue q WHERE q.workflow_id = w.id AND q.is_limited AND q.is_admitted)
            LIMIT 1000
            """)
        // In any order: if the lock of one user is held, the same others must not wait for it in every round.
        for row in overlooked.shuffled() {
            let (workflowID, userID) = try row.decode(String.self, String.self)
            _ = try attempt(around([], of: workflowID, userID), on: connection)
            if share.isOver { break }
        }
    }

    /// Executes statements of `around` in a transaction for a duty, which does not wait long for the user's lock.
    /// Returns whether it got the lock.
    static func attempt(_ statements: [SQL], on connection: Connection) throws -> Bool {
        do {
            _ = try connection.transaction { try $0.pipeline(["SET LOCAL lock_timeout = '100ms'"] + statements) }
            return true
        } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
            return false
        }
    }
}
