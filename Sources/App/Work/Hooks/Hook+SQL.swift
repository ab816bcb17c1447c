import Crypto
import Flows
import HTTP
import JSON
import Postgres

extension Hook {
    private static let columns: SQL = """
        hooks.id, hooks.user_id, hooks.workflow_id, hooks.scheme, array_to_json(hooks.headers), hooks.answer
        """

    private init(_ columns: inout Columns) throws {
        id = try columns.next()
        userID = try columns.next()
        workflowID = try columns.next()
        scheme = try columns.next(String?.self).flatMap(HookScheme.init)
        headers = try columns.next(JSON?.self)?.arrayValue?.compactMap(\.stringValue) ?? []
        answer = AnswerKind(rawValue: try columns.next()) ?? .status
    }

    /// The hooks that the principal may read.
    static func readable(by principal: Principal) -> SQL {
        principal.isAdmin ? "hooks WHERE true" : "hooks WHERE user_id = \(principal.id)"
    }

    static func digest(ofToken token: String) -> [UInt8] { Digest.sha256(token.utf8) }

    /// Stores a hook of the workflow, which belongs to its owner; nil when that user has the maximum number. Throws 409
    /// for an owner who is disabled by now, and 403 for a guest.
    static func insert(
        _ draft: HookDraft, for workflow: (id: String, owner: String), token: String, sealed: [UInt8]?,
        as id: String, _ audit: AuditTrail, on connection: Connection
    ) throws -> JSON? {
        try connection.transaction { connection in
            // Locks the user, because two concurrent calls would not count each other's hook.
            let user = try connection.query(
                """
                SELECT role FROM users WHERE id = \(workflow.owner) AND disabled_at IS NULL FOR NO KEY UPDATE
                """)
            guard let role = try user.first?.decode(String.self) else { throw Problem(.ownerInactive) }
            guard role != Role.guest.rawValue else { throw Problem.forbidden("Guests cannot have hooks") }
            let made = try connection.execute(
                """
                INSERT INTO hooks (id, user_id, workflow_id, name, scheme, headers, answer)
                SELECT \(id)::uuid, \(workflow.owner)::uuid, \(workflow.id)::uuid, \(optional: draft.name)::text,
                    \(optional: draft.scheme?.rawValue)::text, \(draft.headers)::text[], \(draft.answer.rawValue)::text
                WHERE (SELECT count(*) FROM hooks WHERE user_id = \(workflow.owner)) < \(maximumHooks)
                """)
            guard made == 1 else { return nil }
            let insertions =
                [insertion(ofToken: token, id, of: workflow.owner)]
                + (sealed.map { [insertion(ofSecret: $0, id, of: workflow.owner)] } ?? [])
            try connection.pipeline(insertions)
            try audit.record(.hookMade(id))
            return try shown(id, on: connection)
        }
    }

    private static func insertion(ofToken token: String, _ id: String, of userID: String) -> SQL {
        "INSERT INTO hook_tokens (digest, hook_id, user_id) VALUES (\(digest(ofToken: token)), \(id), \(userID))"
    }

    private static func insertion(ofSecret sealed: [UInt8], _ id: String, of userID: String) -> SQL {
        """
        INSERT INTO hook_secrets (id, hook_id, user_id, sealed) VALUES (\(UUIDv7.make()), \(id), \(userID), \(sealed))
        """
    }

    /// The hook as it is shown.
    static func shown(_ id: String, on connection: Connection) throws -> JSON {
        try resource.json(try connection.query("SELECT \(resource.columns) FROM hooks WHERE id = \(id)").only)
    }

    /// The hook, or nil; `locked` locks the row until the transaction ends.
    static func find(_ id: String, locked: Bool = false, on connection: Connection) throws -> Hook? {
        let lock: SQL = locked ? "FOR UPDATE" : SQL()
        return try connection.query("SELECT \(columns) FROM hooks WHERE id = \(id) \(lock)").first.map { row in
            var columns = row.columns
            return try Hook(&columns)
        }
    }

    /// The hook that has the token now, and why its calls are refused; nil if there is none.
    static func find(
        token: String, on connection: Connection
    ) throws -> (hook: Hook, isOwnerActive: Bool, hasWorkflow: Bool)? {
        try connection.query(
            """
            SELECT \(columns), u.disabled_at IS NULL AND u.role <> 'guest', w.deleted_at IS NULL
            FROM hook_tokens t JOIN hooks ON hooks.id = t.hook_id JOIN users u ON u.id = hooks.user_id
                JOIN workflows w ON w.id = hooks.workflow_id
            WHERE t.digest = \(digest(ofToken: token)) AND (t.expires_at IS NULL OR t.expires_at > now())
            """
        ).first.map { row in
            var columns = row.columns
            return (try Hook(&columns), isOwnerActive: try columns.next(), hasWorkflow: try columns.next())
        }
    }

    /// The sealed secrets that are valid now.
    func sealedSecrets(on connection: Connection) throws -> [[UInt8]] {
        try connection.query(
            """
            SELECT sealed FROM hook_secrets
            WHERE hook_id = \(id) AND (expires_at IS NULL OR expires_at > now())
            """
        ).map { try $0.decode([UInt8].self) }
    }

    /// Replaces the token. The former one stays valid for that many seconds, and those before it end now. The hook
    /// must have been read with `locked`.
    func replaceToken(by token: String, after seconds: Int64, on connection: Connection) throws {
        try replace(in: "hook_tokens", by: Self.insertion(ofToken: token, id, of: userID), seconds, on: connection)
    }

    /// The same for the secret.
    func replaceSecret(by sealed: [UInt8], after seconds: Int64, on connection: Connection) throws {
        try replace(in: "hook_secrets", by: Self.insertion(ofSecret: sealed, id, of: userID), seconds, on: connection)
    }

    private func replace(in table: SQL, by insertion: SQL, _ seconds: Int64, on connection: Connection) throws {
        try connection.pipeline([
            "DELETE FROM \(table) WHERE hook_id = \(id) AND expires_at IS NOT NULL",
            """
            UPDATE \(table) SET expires_at = now() + \(seconds) * interval '1 second'
            WHERE hook_id = \(id) AND expires_at IS NULL
            """,
            insertion,
        ])
    }

    func delete(_ audit: AuditTrail, on connection: Connection) throws {
        try connection.execute("DELETE FROM hooks WHERE id = \(id)")
        try audit.record(.hookDeleted(id))
    }
}
