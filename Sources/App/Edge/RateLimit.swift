import HTTP
import Postgres

/// The database counts the calls, so a limit applies to all processes together.
extension RateLimit {
    /// The user or network whose calls are counted.
    enum Subject {
        case user(String)
        case network(Network)
    }

    /// Counts one call. Throws 429 when it exceeds the limit.
    func count(_ subject: Subject, on connection: Connection) throws {
        let (column, value): (SQL, String) =
            switch subject {
            case .user(let id): ("user_id", id)
            case .network(let network): ("network", network.text)
            }
        let row = try connection.query(
            """
            INSERT INTO rate_limits AS r (\(column), name, window_start, calls) VALUES (\(value), \(name), now(), 1)
            ON CONFLICT (\(column), name) DO UPDATE SET
                calls = CASE WHEN \(isOver) THEN 1 ELSE least(r.calls, \(calls)) + 1 END,
                window_start = CASE WHEN \(isOver) THEN now() ELSE r.window_start END
            RETURNING calls, ceil(extract(epoch FROM window_start + \(seconds) * interval '1 second' - now()))::bigint
            """
        ).only
        let (counted, wait) = try row.decode(Int.self, Int.self)
        guard counted <= calls else { throw exceeded(.rateLimited, wait: wait) }
    }

    /// 429 with the seconds to wait, in the fields of RFC 9110 and of the IETF's draft
    /// draft-ietf-httpapi-ratelimit-headers.
    func exceeded(_ code: ProblemCode, wait: Int) -> Problem {
        let wait = max(wait, 1)
        return Problem(
            code,
            headers: [
                "Retry-After": String(wait), "RateLimit-Policy": "\"\(name)\";q=\(calls);w=\(seconds)",
                "RateLimit": "\"\(name)\";r=0;t=\(wait)",
            ])
    }

    private var isOver: SQL { "r.window_start <= now() - \(seconds) * interval '1 second'" }
}
