package import Postgres

/// How many runs are in the queue, for operators.
package struct QueueFigures: Sendable {
    /// How many runs have each state; of each at most some 100,000 are counted.
    package let runs: [(state: ExecutionStatus, count: Int)]
    /// How long the oldest run that is due has been due, in seconds; zero if none is.
    package let oldestDue: Double
    /// How many runs workers have given up; at most 1,000 are counted.
    package let deadLetters: Int
    /// For how long the oldest schedule that is due has been due, in seconds; zero if none is.
    package let oldestDueSchedule: Double
    /// How many notifications of ends are pending; at most 100,000 are counted.
    package let notifications: Int
    /// For how long the oldest attempt to notify that is due has been due, in seconds; zero if none is.
    package let oldestDueNotification: Double
}

extension Engine {
    /// The longest wait for the figures. Those who ask for them do so every few seconds, and when the database is in
    /// trouble above all.
    static let figuresTimeout = Duration.seconds(2)

    /// The state of the queue, read in one round trip by indexes and limits, or an error within two seconds.
    package func queueFigures(on connection: Connection) throws -> QueueFigures {
        let results = try connection.limitingWaits(to: Self.figuresTimeout) { try connection.pipeline(Self.figures) }
        // Without that of the first statement, which only sets a limit.
        let (states, ready, others, deadLetters) = (results[1], results[2], results[3], results[4])
        var counts: [ExecutionStatus: Int] = [.running: 0, .waiting: 0]
        for row in states {
            let (state, count) = try row.decode(String.self, Int.self)
            if let state = ExecutionStatus(rawValue: state) { counts[state] = count }
        }
        let (due, oldestDue) = try ready.only.decode(Int.self, Double.self)
        counts[.queued] = due + (try others.only.decode(Int.self))
        let (notifications, oldestDueNotification) = try results[6].only.decode(Int.self, Double.self)
        return QueueFigures(
            runs: counts.map { ($0.key, $0.value) }.sorted { $0.0.rawValue < $1.0.rawValue }, oldestDue: oldestDue,
            deadLetters: try deadLetters.only.decode(Int.self),
            oldestDueSchedule: try results[5].only.decode(Double.self), notifications: notifications,
            oldestDueNotification: oldestDueNotification)
    }

    /// Of the batch, which is a transaction: a statement that waits for a lock then ends on the server too.
    static let figuresLimit: SQL = "SELECT set_config('statement_timeout', '1s', true)"

    private static var figures: [SQL] {
        [
            figuresLimit,
            """
            SELECT state::text, count(*) FROM (SELECT state FROM queue WHERE state <> 'queued' LIMIT 100000) q
            GROUP BY state
            """,
            // The condition of the index `queue_ready`.
            """
            SELECT count(*), greatest(0, coalesce(extract(epoch FROM now() - min(available_at)), 0))::float8
            FROM (SELECT available_at FROM queue WHERE lease IS NULL AND is_admitted AND state = 'queued'
                LIMIT 100000) q
            """,
            """
            SELECT count(*) FROM (SELECT FROM queue WHERE state = 'queued' AND (lease IS NOT NULL OR NOT is_admitted)
                LIMIT 100000) q
            """,
            "SELECT count(*) FROM (SELECT FROM executions e WHERE \(ExecutionSummary.deadLetters) LIMIT 1000) d",
            """
            SELECT greatest(0, coalesce(extract(epoch FROM now() - (
                SELECT next_at FROM schedules WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1)), 0))::float8
            """,
            // While an attempt is made, it is due again after its lease.
            """
            SELECT count(*), greatest(0, coalesce(extract(epoch FROM now() - min(due_at)), 0))::float8
            FROM (SELECT due_at FROM end_notifications WHERE state = 'pending' ORDER BY due_at LIMIT 100000) n
            """,
        ]
    }
}
