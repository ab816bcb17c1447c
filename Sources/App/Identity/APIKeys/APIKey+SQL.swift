import Crypto
import HTTP
import JSON
import Postgres

extension APIKey {
    /// Creates a key; nil when the user has the maximum number of keys. Only its digest is stored. Throws 401 when the
    /// user has been disabled in the meantime.
    static func make(
        _ name: String, scopes: Set<Scope>, lifetime: Int64, for userID: String, _ audit: AuditTrail,
        on connection: Connection
    ) throws -> (key: String, json: JSON)? {
        let (id, key) = (UUIDv7.make(), prefix + SecureRandom.token(bytes: length))
        return try connection.transaction { connection in
            // Locks the user, because two concurrent calls would not count each other's key, and `endAll` would miss
            // a key that is inserted at the same time.
            let user = try connection.query(
                "SELECT FROM users WHERE id = \(userID) AND disabled_at IS NULL FOR NO KEY UPDATE")
            guard !user.isEmpty else { throw Problem.invalidToken }
            let rows = try connection.query(
                """
                INSERT INTO api_keys (id, user_id, name, digest, scopes, expires_at)
                SELECT \(id), \(userID), \(name), \(Digest.sha256(key.utf8)),
                    \(Scope.allCases.filter(scopes.contains).map(\.rawValue)),
                    now() + \(lifetime) * interval '1 second'
                WHERE (
                    SELECT count(*) FROM api_keys
                    WHERE user_id = \(userID) AND ended_at IS NULL AND expires_at > now()
                ) < \(maximumKeys)
                RETURNING \(resource.columns)
                """)
            return try rows.first.map { row in
                try audit.record(.keyMade(id))
                return (key, try resource.json(row))
            }
        }
    }

    /// The caller that the key identifies; nil if the key has ended or expired, or its user is disabled.
    static func principal(
        _ key: String, showingStorage: Bool, on connection: Connection
    ) throws -> Principal? {
        try connection.query(
            """
            SELECT \(Principal.columns(showingStorage: showingStorage)), k.id, array_to_json(k.scopes)
            FROM api_keys k JOIN users u ON u.id = k.user_id \(Credits.join)
            WHERE k.digest = \(Digest.sha256(key.utf8)) AND k.ended_at IS NULL AND k.expires_at > now()
                AND u.disabled_at IS NULL
            """
        ).first.map { row in
            try Principal(row, issuedAt: nil, expires: nil) { .key(id: try $0.next(), Scope.set(try $0.next())) }
        }
    }

    /// The user's active keys.
    static func active(of userID: String) -> SQL {
        "api_keys WHERE user_id = \(userID) AND ended_at IS NULL AND expires_at > now()"
    }

    /// Ends one of the user's keys; false when the user has no active key with the id.
    static func end(_ id: String, of userID: String, on connection: Connection) throws -> Bool {
        try connection.execute(
            """
            UPDATE api_keys SET ended_at = now()
            WHERE id = \(id) AND user_id = \(userID) AND ended_at IS NULL AND expires_at > now()
            """) == 1
    }

    /// Ends all of the user's keys.
    static func endAll(of userID: String, on connection: Connection) throws {
        try connection.execute(
            "UPDATE api_keys SET ended_at = now() WHERE user_id = \(userID) AND ended_at IS NULL")
    }
}
