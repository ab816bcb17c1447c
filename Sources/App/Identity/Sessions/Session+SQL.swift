import Crypto
import HTTP
import Postgres
import Tokens

extension Session {
    /// Begins a session; nil when the user was disabled or the password was changed after the password was verified, so
    /// that a concurrent login cannot escape either. If the user has the maximum number of sessions, the oldest ends.
    ///
    /// - Parameter passwordHash: nil for an account without a password.
    static func begin(
        for userID: String, verifiedBy passwordHash: String?, with factor: AuditEvent.Factor,
        lasting days: Int = lifetimeDays, by request: Request, _ audit: AuditTrail, on connection: Connection
    ) throws -> Session? {
        let id = UUIDv7.make()
        let agent = String(
            String.UnicodeScalarView((request.headers["user-agent"] ?? "").unicodeScalars.prefix(agentLength)))
        // Two statements: one that waits for the lock would not see the session of the login that had it.
        let lock: SQL = "SELECT FROM users WHERE id = \(userID) FOR NO KEY UPDATE"
        let beginning: SQL = """
            WITH begun AS (
                INSERT INTO sessions (id, user_id, expires_at, address, agent)
                SELECT \(id)::uuid, id, now() + \(days) * interval '1 day', \(request.remoteAddress)::text,
                    \(agent)::text
                FROM users
                WHERE id = \(userID) AND password_hash IS NOT DISTINCT FROM \(optional: passwordHash)::text
                    AND disabled_at IS NULL
                RETURNING seed
            ), ended AS (
                UPDATE sessions SET ended_at = now()
                WHERE EXISTS (SELECT FROM begun) AND id = ANY (ARRAY(
                    SELECT id FROM sessions WHERE user_id = \(userID) AND ended_at IS NULL
                    ORDER BY created_at DESC, id DESC OFFSET \(maximumSessions - 1)))
            ), recorded AS (
                \(audit.entry(.login(of: userID, session: id, with: factor), if: "EXISTS (SELECT FROM begun)"))
            )
            SELECT seed FROM begun
            """
        return try connection.together([lock, beginning])[1].first.map { row in
            Session(
                id: id, userID: userID, seed: try row.decode([UInt8].self), refreshNumber: 0,
                secondsLeft: days * 86_400)
        }
    }

    /// The user of a token's session; nil when the session has ended or expired, or the user is disabled.
    static func principal(
        of claims: Claims, showingStorage: Bool, on connection: Connection
    ) throws -> Principal? {
        let session = claims.session
        return try connection.query(
            """
            SELECT \(Principal.columns(showingStorage: showingStorage))
            FROM sessions s JOIN users u ON u.id = s.user_id \(Credits.join)
            WHERE s.id = \(session) AND s.user_id = \(claims.subject) AND s.ended_at IS NULL AND s.expires_at > now()
                AND u.disabled_at IS NULL
            """
        ).first.map { row in
            try Principal(row, issuedAt: claims.issuedAt, expires: claims.expires) { _ in .session(id: session) }
        }
    }

    /// The renewed session; nil when the token does not renew it.
    ///
    /// A token that was used before ends the session, because either a thief or the owner has a newer one. Of
    /// concurrent calls with the same token, the first renews the session, and all of them get the same result.
    static func renew(
        by token: RefreshToken, _ tokens: TokenIssuer, _ audit: AuditTrail, on connection: Connection
    ) throws -> Session? {
        let found = try connection.query(
            """
            SELECT user_id, seed, extract(epoch FROM expires_at - now())::bigint FROM sessions
            WHERE id = \(token.session)
            """
        ).first
        // The check costs the same for an unknown session.
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

    /// The principal's active sessions.
    static func active(of principal: Principal) -> SQL {
        """
        sessions s, (SELECT \(optional: principal.sessionID)::uuid AS session) caller
        WHERE s.user_id = \(principal.id) AND s.ended_at IS NULL AND s.expires_at > now()
        """
    }

    /// Ends one of the user's sessions; false when the user has no active session with the id.
    static func end(_ id: String, of userID: String, on connection: Connection) throws -> Bool {
        try connection.execute(
            """
            UPDATE sessions SET ended_at = now()
            WHERE id = \(id) AND user_id = \(userID) AND ended_at IS NULL AND expires_at > now()
            """) == 1
    }

    /// Ends all of the user's sessions except `current`.
    static func endAll(of userID: String, except current: String? = nil, on connection: Connection) throws {
        try connection.execute(
            """
            UPDATE sessions SET ended_at = now()
            WHERE user_id = \(userID) AND ended_at IS NULL AND id IS DISTINCT FROM \(optional: current)::uuid
            """)
    }
}
