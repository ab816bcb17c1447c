package import Postgres

/// What permits a caller to read events: it is looked up again while events are passed on, which may be for days.
package struct EventPermit: Sendable, Hashable {
    let userID: String
    let sessionID: String?
    let keyID: String?
    /// Whether it permits to read what belongs to others.
    let needsAdmin: Bool
    /// When the token expires, in seconds since 1970; nil: it does not.
    package let expires: Int64?

    init(userID: String, sessionID: String?, keyID: String?, needsAdmin: Bool, expires: Int64?) {
        (self.userID, self.sessionID, self.keyID) = (userID, sessionID, keyID)
        (self.needsAdmin, self.expires) = (needsAdmin, expires)
    }

    /// - Parameter ownerID: whose events are read; nil: those of all users.
    init(_ caller: Principal, for ownerID: String?) {
        self.init(
            userID: caller.id, sessionID: caller.sessionID, keyID: caller.keyID, needsAdmin: ownerID != caller.id,
            expires: caller.expires)
    }

    private static let none = "00000000-0000-0000-0000-000000000000"

    /// Those that still permit it: the session or key has not ended, and the user is active, and an admin if necessary.
    package static func valid(among permits: Set<EventPermit>, on connection: Connection) throws -> Set<EventPermit> {
        let permits = Array(permits)
        let rows = try connection.query(
            """
            SELECT p.number - 1
            FROM unnest(\(permits.map(\.userID))::uuid[], \(permits.map { $0.sessionID ?? none })::uuid[],
                \(permits.map { $0.keyID ?? none })::uuid[],
                \(permits.map { $0.needsAdmin ? 1 : 0 as Int64 })::bigint[])
                WITH ORDINALITY AS p (user_id, session_id, key_id, needs_admin, number)
            JOIN users u ON u.id = p.user_id
            WHERE u.disabled_at IS NULL AND (p.needs_admin = 0 OR u.role = 'admin')
                AND (p.session_id = \(none)::uuid OR EXISTS (
                    SELECT FROM sessions s
                    WHERE s.id = p.session_id AND s.ended_at IS NULL AND s.expires_at > now()))
                AND (p.key_id = \(none)::uuid OR EXISTS (
                    SELECT FROM api_keys k WHERE k.id = p.key_id AND k.ended_at IS NULL AND k.expires_at > now()))
            """)
        return Set(try rows.map { permits[try $0.decode(Int.self)] })
    }
}
