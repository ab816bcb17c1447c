package import Postgres

/// What a reader reads: the events of one run, or of all runs that it may see.
package enum EventSource: Sendable, Hashable {
    case run(String)
    case runs(Visibility)
}

/// Whose events are written to the log because a process reads them.
package struct EventReader: Sendable, Hashable {
    /// The nil UUID: all users.
    let userID: String

    /// For events of one user.
    package init(of userID: String) { self.userID = userID }

    /// For events of the runs that a caller may see.
    package init(of visibility: Visibility) {
        switch visibility {
        case .all, .key(_, nil): userID = "00000000-0000-0000-0000-000000000000"
        case .user(let id), .key(_, let id?): userID = id
        }
    }
}

/// What the event log has for a registered reader.
package struct EventRegistration: Sendable {
    /// The log is complete from this transaction on.
    package let since: Int64
    /// The oldest transaction in progress, at a time after the registration.
    package let horizon: Int64
    /// The transaction after the last one that had begun.
    let next: Int64

    /// Whether no transaction is left that may not know of the reader.
    package var isComplete: Bool { horizon >= since }

    /// Whether the log has all events after that position. A position of another database server may be one that this
    /// server has not reached.
    package func covers(_ cursor: EventCursor) -> Bool {
        switch cursor {
        case .position(let position), .end(let position): (since...max(since, next)).contains(position.transaction)
        case .steps: true
        }
    }

    /// The beginning of what the log has.
    package var start: EventPosition { EventPosition(before: since) }
}

extension EventLog {
    /// In seconds: for so long, events are written after a process has read them, and kept.
    static let lifetime = 3_600
    /// How often a process that reads must register its readers again.
    package static let renewal = Duration.seconds(300)
    /// After so long without a registration, events may not have been written.
    package static let registrationLimit = Duration.seconds(lifetime) - renewal

    /// Registers readers, or renews their registrations: from now on their events are written. Returns a transaction
    /// below which no new one can begin, even if the server crashes.
    ///
    /// Whether the log has gaps depends on the registration of other processes, too: it may have expired, or what it
    /// had may have been removed, while no process has read.
    @discardableResult
    package static func register(_ readers: Set<EventReader>, on connection: Connection) throws -> Int64 {
        let ids = readers.map(\.userID).sorted()
        // Rows of transactions that this server has not had came with a dump of another one.
        try connection.execute("DELETE FROM events WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())")
        // A transaction that began before the end of a registration may be about to write nothing.
        let own = try connection.query(
            """
            INSERT INTO event_readers AS r (user_id, expires_at)
            SELECT id, now() + \(lifetime) * interval '1 second' FROM unnest(\(ids)::uuid[]) AS id
            ON CONFLICT (user_id) DO UPDATE
            SET expires_at = excluded.expires_at,
                since = CASE WHEN r.expires_at > now() + interval '5 minutes'
                    AND r.since < pg_snapshot_xmax(pg_current_snapshot()) THEN r.since END
            RETURNING pg_current_xact_id()::text::bigint
            """
        ).first?.decode(Int64.self)
        // After the commit, in a transaction of its own: those that do not know of the reader are older.
        try connection.execute(
            """
            UPDATE event_readers SET since = pg_current_xact_id()
            WHERE user_id = ANY(\(ids)::uuid[]) AND since IS NULL
            """)
        return own ?? 0
    }

    /// The present registrations of these readers; one that is missing must be registered.
    package static func registrations(
        of readers: Set<EventReader>, on connection: Connection
    ) throws -> [EventReader: EventRegistration] {
        let rows = try connection.query(
            """
            SELECT user_id, since::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
                pg_snapshot_xmax(pg_current_snapshot())::text::bigint
            FROM event_readers
            WHERE user_id = ANY(\(readers.map(\.userID))::uuid[]) AND since IS NOT NULL AND expires_at > now()
            """)
        return try Dictionary(
            rows.map { row in
                let (id, since, horizon, next) = try row.decode(String.self, Int64.self, Int64.self, Int64.self)
                return (
                    EventReader(of: id), EventRegistration(since: since, horizon: horizon, next: next)
                )
            }, uniquingKeysWith: { one, _ in one })
    }

    /// Removes events that are older than an hour, at most a batch. Returns whether there may be more. The registrations
    /// say from where on the log is complete then.
    package static func prune(batch: Int = 1_000, on connection: Connection) throws -> Bool {
        let count = try connection.query(
            """
            WITH gone AS (
                DELETE FROM events WHERE ctid = ANY (ARRAY(
                    SELECT ctid FROM events WHERE created_at < now() - \(lifetime) * interval '1 second'
                    ORDER BY created_at LIMIT \(batch) FOR UPDATE SKIP LOCKED))
                RETURNING xid),
            last AS (SELECT xid FROM gone ORDER BY xid DESC LIMIT 1),
            moved AS (
                UPDATE event_readers r SET since = (last.xid::text::bigint + 1)::text::xid8
                FROM last WHERE r.since <= last.xid)
            SELECT count(*) FROM gone
            """
        ).only.decode(Int.self)
        return count == batch
    }
}
