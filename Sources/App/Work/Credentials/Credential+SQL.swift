import Crypto
import HTTP
import HTTPClient
import JSON
import Postgres

extension Credential {
    private static let columns: SQL = "\(resource.columns), id, user_id, version"

    private init(_ row: Row) throws {
        var columns = row.columns
        json = try Credential.resource.json(&columns)
        id = try columns.next()
        userID = try columns.next()
        version = try columns.next()
    }

    /// The user's credentials.
    static func all(of userID: String) -> SQL { "credentials WHERE user_id = \(userID)" }

    /// Stores a new credential; nil when the user has the maximum number. Throws a unique violation when another one of
    /// the user has its name, and 401 for a user who is disabled by now.
    ///
    /// - Parameter sealed: the value; nil if it is kept elsewhere: see `CredentialStore.keep`.
    static func insert(
        _ draft: CredentialDraft, _ id: String, sealed: [UInt8]?, of userID: String, _ audit: AuditTrail,
        on connection: Connection
    ) throws -> Credential? {
        try connection.atomically { connection in
            // Locks the user, because two concurrent calls would not count each other's credential.
            let user = try connection.query(
                "SELECT FROM users WHERE id = \(userID) AND disabled_at IS NULL FOR NO KEY UPDATE")
            guard !user.isEmpty else { throw Problem.invalidToken }
            let rows = try connection.query(
                """
                INSERT INTO credentials (id, user_id, name, kind, header, hosts, sealed)
                SELECT \(id), \(userID), \(draft.name), \(draft.kind.rawValue), \(optional: draft.header),
                    \(draft.hosts.map(\.description)), \(optional: sealed)::bytea
                WHERE (SELECT count(*) FROM credentials WHERE user_id = \(userID)) < \(maximumCredentials)
                RETURNING \(columns)
                """)
            return try rows.first.map { row in
                try audit.record(.credentialMade(id))
                return try Credential(row)
            }
        }
    }

    /// The user's credential with the id, or nil; `locked` locks the row until the transaction ends.
    static func find(
        _ id: String, of userID: String, locked: Bool = false, on connection: Connection
    ) throws -> Credential? {
        let lock: SQL = locked ? "FOR UPDATE" : ""
        return try connection.query(
            "SELECT \(columns) FROM credentials WHERE id = \(id) AND user_id = \(userID) \(lock)"
        ).first.map(Credential.init)
    }

    /// Replaces all but the id. The credential must have been read with `locked`.
    func replace(
        by draft: CredentialDraft, in store: CredentialStore, _ audit: AuditTrail, on connection: Connection
    ) throws -> Credential {
        let sealed = try draft.value.flatMap { try store.sealed($0, id, of: userID) }
        let rows = try connection.query(
            """
            UPDATE credentials
            SET name = \(draft.name), kind = \(draft.kind.rawValue), header = \(optional: draft.header),
                hosts = \(draft.hosts.map(\.description)),
                sealed = CASE WHEN \(draft.value != nil) THEN \(optional: sealed)::bytea ELSE sealed END,
                version = version + 1, updated_at = now()
            WHERE id = \(id)
            RETURNING \(Self.columns)
            """)
        if let value = draft.value, sealed == nil {
            // A worker that removes the former value of this credential holds the row.
            try connection.execute("DELETE FROM removed_secrets WHERE credential_id = \(id)")
            try store.send(value, for: draft, id, of: userID)
        }
        try audit.record(.credentialChanged(id))
        return try Credential(try rows.only)
    }

    func delete(_ audit: AuditTrail, on connection: Connection) throws {
        try connection.execute("DELETE FROM credentials WHERE id = \(id)")
        try audit.record(.credentialDeleted(id))
    }

    /// The hosts to which the value may be sent.
    var hosts: [HostPattern] { Self.hosts(json["hosts"]) }

    static func hosts(_ texts: JSON?) -> [HostPattern] {
        (texts?.arrayValue ?? []).compactMap { $0.stringValue.flatMap(HostPattern.init(parsing:)) }
    }
}
