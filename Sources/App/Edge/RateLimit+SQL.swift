import HTTP
import Postgres

/// The database counts the calls of one window after another, so a limit applies to all processes on all machines.
extension RateLimit {
    /// Counts one call, also one that exceeds the limit. It is not counted if the transaction is rolled back.
    func count(_ subject: Subject, on connection: Connection) throws -> State {
        let column: SQL =
            switch subject {
            case .user: "user_id"
            case .network, .hook: "network"
            }
        let row = try connection.query(
            """
            INSERT INTO rate_limits AS r (\(column), name, window_start, calls)
            VALUES (\(subject.text), \(name), now(), 1)
            ON CONFLICT (\(column), name) DO UPDATE SET
                calls = CASE WHEN \(isOver) THEN 1 ELSE least(r.calls, \(calls)) + 1 END,
                window_start = CASE WHEN \(isOver) THEN now() ELSE r.window_start END
            RETURNING calls, ceil(extract(epoch FROM window_start + \(seconds) * interval '1 second' - now()))::bigint
            """
        ).only
        let (counted, wait) = try row.decode(Int.self, Int.self)
        return State(
            limit: self, isAdmitted: counted <= calls, remaining: max(0, calls - counted), reset: max(1, wait))
    }

    /// Whether the user has made as many calls in this window as the limit permits. Counts none.
    func isReached(by userID: String, on connection: Connection) throws -> Bool {
        try !connection.query(
            """
            SELECT FROM rate_limits AS r
            WHERE user_id = \(userID) AND name = \(name) AND calls >= \(calls) AND NOT \(isOver)
            """
        ).isEmpty
    }

    private var isOver: SQL { "r.window_start <= now() - \(seconds) * interval '1 second'" }
}
