import HTTP
import Postgres

/// So many calls a user may make in a window of time; counted in the database, so by all processes together.
struct RateLimit: Sendable {
    let name: String
    let calls: Int
    let seconds: Int

    /// Counts one call; throws 429 for one too many.
    func count(_ userID: String, on connection: Connection) throws {
        let row = try connection.query(
            """
            INSERT INTO rate_limits AS r (user_id, name, window_start, calls) VALUES (\(userID), \(name), now(), 1)
            ON CONFLICT (user_id, name) DO UPDATE SET
                calls = CASE WHEN \(isOver) THEN 1 ELSE least(r.calls, \(calls)) + 1 END,
                window_start = CASE WHEN \(isOver) THEN now() ELSE r.window_start END
            RETURNING calls, ceil(extract(epoch FROM window_start + \(seconds) * interval '1 second' - now()))::bigint
            """
        ).only
        let (counted, wait) = try row.decode(Int.self, Int.self)
        guard counted > calls else { return }
        throw Problem(
            .tooManyRequests, "rate_limited", "Too many calls, please wait",
            headers: [
                "Retry-After": String(max(wait, 1)), "RateLimit-Policy": "\"\(name)\";q=\(calls);w=\(seconds)",
                "RateLimit": "\"\(name)\";r=0;t=\(max(wait, 1))",
            ])
    }

    private var isOver: SQL { "r.window_start <= now() - \(seconds) * interval '1 second'" }
}
