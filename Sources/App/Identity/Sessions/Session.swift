import Crypto
import HTTP
import JSON
import Postgres

/// A login: it begins with a password, is renewed by refresh tokens, and ends by itself, by its user, or by a refresh
/// token that comes twice.
struct Session {
    let id: String
    let userID: String
    /// What its refresh tokens are made from.
    let seed: [UInt8]
    /// The number of the refresh token that is good at present.
    let refreshNumber: Int
    /// Seconds until it ends by itself.
    let secondsLeft: Int

    /// How long a login lasts at most, however often it is renewed.
    static let lifetimeDays = 30
    /// Seconds for which a refresh token that was used gives the same successor again: its answer may have been lost.
    static let grace = 10
    /// Scalars of the client's name for itself that are kept.
    private static let agentLength = 200

    /// Begins a session; nil when the user has been disabled, or the password changed, since it was verified: who logs
    /// in at that moment must not get past it.
    ///
    /// - Parameter passwordHash: nil for an account without a password.
    static func begin(
        for userID: String, verifiedBy passwordHash: String?, with factor: AuditEvent.Factor,
        lasting days: Int = lifetimeDays, by request: Request, _ audit: AuditTrail, on connection: Connection
    ) throws -> Session? {
        let id = UUIDv7.make()
        let agent = String(
            String.UnicodeScalarView((request.headers["user-agent"] ?? "").unicodeScalars.prefix(agentLength)))
        return try connection.query(
            """
            WITH begun AS (
                INSERT INTO sessions (id, user_id, expires_at, address, agent)
                SELECT \(id)::uuid, id, now() + \(days) * interval '1 day', \(request.remoteAddress)::text,
                    \(agent)::text
                FROM users
                WHERE id = \(userID) AND password_hash IS NOT DISTINCT FROM \(optional: passwordHash)::text
                    AND disabled_at IS NULL
                FOR SHARE
                RETURNING seed
            ), recorded AS (
                \(audit.entry(.login(of: userID, session: id, with: factor), if: "EXISTS (SELECT FROM begun)"))
            )
            SELECT seed FROM begun
            """
        ).first.map { row in
            Session(
                id: id, userID: userID, seed: try row.decode([UInt8].self), refreshNumber: 0,
                secondsLeft: days * 86_400)
        }
    }

    /// Who a token's session belongs to, if session and account both still stand.
    static func principal(session: String, user: String, on connection: Connection) throws -> Principal? {
        try connection.query(
            """
            SELECT \(Account.columns), \(Credits.columns)
            FROM sessions s JOIN users u ON u.id = s.user_id \(Credits.join)
            WHERE s.id = \(session) AND s.user_id = \(user) AND s.ended_at IS NULL AND s.expires_at > now()
                AND u.disabled_at IS NULL
            """
        ).first.map { row in
            var columns = row.columns
            return Principal(
                account: try Account(&columns), credential: .session(id: session), credits: try Credits(&columns))
        }
    }

    /// The session after one more renewal; nil when the token does not renew it.
    ///
    /// A token that was used before ends the session, for either its thief or its owner holds another one. Of callers
    /// that come with one token at once the first renews the session, and all get the same.
    static func renew(
        by token: RefreshToken, _ tokens: TokenIssuer, _ audit: AuditTrail, on connection: Connection
    ) throws -> Session? {
        let found = try connection.query(
            """
            SELECT user_id, seed, extract(epoch FROM expires_at - now())::bigint FROM sessions
            WHERE id = \(token.session)
            """
        ).first
        // An unknown session costs the same check.
        let (userID, seed, secondsLeft) =
            try found.map { try $0.decode(String.self, [UInt8].self, Int.self) } ?? ("", [], 0)
        guard tokens.isGenuine(token, seed: seed), found != nil else { return nil }

        let renewed = Session(
            id: token.session, userID: userID, seed: seed, refreshNumber: token.number + 1, secondsLeft: secondsLeft)
        let standing: SQL = """
            s.id = \(token.session) AND s.ended_at IS NULL AND s.expires_at > now()
                AND EXISTS (SELECT FROM users u WHERE u.id = s.user_id AND u.disabled_at IS NULL)
            """
        let isFirst = try connection.execute(
            """
            UPDATE sessions s SET refresh_number = s.refresh_number + 1, refreshed_at = now()
            WHERE \(standing) AND s.refresh_number = \(token.number)
            """)
        if isFirst == 1 { return renewed }
        let isLostAnswer = try connection.query(
            """
            SELECT FROM sessions s WHERE \(standing) AND s.refresh_number = \(renewed.refreshNumber)
                AND s.refreshed_at > now() - \(grace) * interval '1 second'
            """)
        if !isLostAnswer.isEmpty { return renewed }
        try connection.execute(
            """
            WITH ended AS (
                UPDATE sessions SET ended_at = now()
                WHERE id = \(token.session) AND ended_at IS NULL AND refresh_number > \(token.number)
                RETURNING id
            )
            \(audit.entry(.refreshReused(of: userID, session: token.session), if: "EXISTS (SELECT FROM ended)"))
            """)
        return nil
    }

    /// Ends one of the user's sessions; false when there is none of that id.
    static func end(_ id: String, of userID: String, on connection: Connection) throws -> Bool {
        try connection.execute(
            """
            UPDATE sessions SET ended_at = now()
            WHERE id = \(id) AND user_id = \(userID) AND ended_at IS NULL AND expires_at > now()
            """) == 1
    }

    /// Ends all of the user's sessions, except for one if that is named.
    static func endAll(of userID: String, except kept: String? = nil, on connection: Connection) throws {
        try connection.execute(
            """
            UPDATE sessions SET ended_at = now()
            WHERE user_id = \(userID) AND ended_at IS NULL AND id IS DISTINCT FROM \(optional: kept)::uuid
            """)
    }
}
