package import Postgres

/// What the stored runs and the other large tables need of the disk, for operators.
package struct HistoryFigures: Sendable {
    /// The bytes of each table with its partitions, and of their indexes.
    package let tables: [(name: String, bytes: Int64, indexBytes: Int64)]
    /// The beginning of the month of the oldest partition, in seconds since 1970; nil: nothing is stored.
    package let oldestMonth: Int?
    /// The number of months after this one that have a partition.
    package let monthsAhead: Int
    /// Whether runs are stored for which no month was made.
    package let hasUnplannedRuns: Bool
}

extension Engine {
    /// The tables that grow with use.
    private static let measuredTables = [
        "executions", "steps", "queue", "documents", "workflow_versions", "posts", "ledger", "records", "audit_log",
        "events", "end_notifications",
    ]

    /// The figures, or an error within two seconds. The database asks the file system for the sizes.
    package func historyFigures(on connection: Connection) throws -> HistoryFigures {
        let results = try connection.limitingWaits(to: Self.figuresTimeout) {
            try connection.pipeline([Self.figuresLimit, Self.sizes, Self.months])
        }
        let (oldestMonth, monthsAhead, hasUnplannedRuns) = try results[2].only.decode(Int?.self, Int.self, Bool.self)
        return HistoryFigures(
            tables: try results[1].map { try $0.decode(String.self, Int64.self, Int64.self) },
            oldestMonth: oldestMonth, monthsAhead: monthsAhead, hasUnplannedRuns: hasUnplannedRuns)
    }

    private static var sizes: SQL {
        """
        SELECT t.name, sum(pg_table_size(part.id))::bigint, sum(pg_indexes_size(part.id))::bigint
        FROM unnest(\(measuredTables)::text[]) WITH ORDINALITY AS t (name, place)
        CROSS JOIN LATERAL (
            SELECT t.name::regclass AS id UNION ALL
            SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = t.name::regclass) part
        GROUP BY t.name, t.place ORDER BY t.place
        """
    }

    /// In the session's time zone, UTC. The first partition has no beginning: its month is that of its oldest run.
    private static let months: SQL = """
        SELECT extract(epoch FROM date_trunc('month', least(
                (SELECT time_of(id) FROM executions ORDER BY id LIMIT 1),
                (SELECT min(time_of(first)) FROM history WHERE NOT EXISTS (
                    SELECT FROM history h WHERE h.first IS NULL))), 'UTC'))::bigint,
            (SELECT max(12 * extract(year FROM time_of(after)) + extract(month FROM time_of(after)))
                - 12 * extract(year FROM now()) - extract(month FROM now()) - 1 FROM history)::bigint,
            EXISTS (SELECT FROM executions_default) OR EXISTS (SELECT FROM steps_default)
        """
}
