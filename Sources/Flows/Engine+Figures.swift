package import Postgres

/// How many runs are in the queue, for operators.
package struct QueueFigures: Sendable {
    /// How many of at most 100,000 rows have each state.
    package let runs: [(state: ExecutionStatus, count: Int)]
    /// How long the oldest run that is due has been due, in seconds; zero if none is.
    package let oldestDue: Double
    /// How many runs workers have given up; at most 1,000 are counted.
    package let deadLetters: Int
}

extension Engine {
    /// The state of the queue, read in one round trip by indexes and limits.
    package func queueFigures(on connection: Connection) throws -> QueueFigures {
        let results = try connection.pipeline([
            """
            SELECT state::text, count(*), greatest(0, coalesce(extract(epoch FROM now() - min(available_at)
                FILTER (WHERE state = 'queued' AND lease IS NULL AND is_admitted)), 0))::float8
            FROM (SELECT state, available_at, lease, is_admitted FROM queue LIMIT 100000) q GROUP BY state
            """,
            "SELECT count(*) FROM (SELECT FROM executions e WHERE \(ExecutionSummary.deadLetters) LIMIT 1000) d",
        ])
        var counts: [ExecutionStatus: Int] = [.queued: 0, .running: 0, .waiting: 0]
        var oldestDue = 0.0
        for row in results[0] {
            let (state, count, age) = try row.decode(String.self, Int.self, Double.self)
            if let state = ExecutionStatus(rawValue: state) { counts[state] = count }
            oldestDue = max(oldestDue, age)
        }
        return QueueFigures(
            runs: counts.map { ($0.key, $0.value) }.sorted { $0.0.rawValue < $1.0.rawValue }, oldestDue: oldestDue,
            deadLetters: try results[1].only.decode(Int.self))
    }
}
