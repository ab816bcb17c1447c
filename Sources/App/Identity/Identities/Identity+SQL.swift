import Crypto
import Postgres

extension Identity {
    /// The account of this identity, created on the first call; nil when it is disabled or deleted.
    func principal(
        welcome: WelcomeCredits, showingStorage: Bool, _ audit: AuditTrail, on connection: Connection
    ) throws -> Principal? {
        if let known = try known(showingStorage, on: connection) { return known }
        try makeAccount(welcome, audit, on: connection)
        // A concurrent call may have created it, so it exists now; or it is disabled.
        return try known(showingStorage, on: connection)
    }

    private func known(_ showingStorage: Bool, on connection: Connection) throws -> Principal? {
        try connection.query(
            """
            SELECT \(Principal.columns(showingStorage: showingStorage))
            FROM identities i JOIN users u ON u.id = i.user_id \(Credits.join)
            WHERE i.issuer = \(issuer) AND i.subject = \(subject) AND u.disabled_at IS NULL
            """
        ).first.map { row in try Principal(row, issuedAt: issuedAt, expires: expires) { _ in .identity } }
    }

    /// Unblocks the identity of a deleted account; false if there is none.
    static func unblock(_ userID: String, on connection: Connection) throws -> Bool {
        try connection.execute(
            "DELETE FROM identities WHERE user_id = \(userID) AND blocked_at IS NOT NULL") == 1
    }

    /// Creates the account, unless there has ever been one.
    ///
    /// It never links an existing account by e-mail: e-mails are not verified here, so an attacker who registers the
    /// address of another person first would share the account that is linked to it later.
    private func makeAccount(_ welcome: WelcomeCredits, _ audit: AuditTrail, on connection: Connection) throws {
        try connection.transaction { connection in
            let userID = UUIDv7.make()
            // First, because a concurrent call waits for this row and then finds it.
            let isFirst = try connection.execute(
                """
                INSERT INTO identities (issuer, subject, user_id) VALUES (\(issuer), \(subject), \(userID))
                ON CONFLICT DO NOTHING
                """)
            guard isFirst == 1 else { return }
            if try !insertUser(userID, email: email, on: connection) {
                _ = try insertUser(userID, email: nil, on: connection)
            }
            try welcome.give(to: userID, .client, on: connection)
            try audit.record(.registered(userID))
        }
    }

    /// Gives an account without an e-mail the one that its issuer has verified, unless another account has it: an
    /// e-mail never links to an existing account.
    static func keepEmail(_ email: String, of userID: String, on connection: Connection) throws {
        try connection.execute(
            """
            UPDATE users SET email = \(email), email_confirmed = true
            WHERE id = \(userID) AND email IS NULL AND disabled_at IS NULL AND deleted_at IS NULL
                AND NOT EXISTS (
                    SELECT FROM users o WHERE folded(o.email) = folded(\(email)) AND o.deleted_at IS NULL)
            """)
    }

    /// False when another account has the e-mail.
    private func insertUser(_ id: String, email: String?, on connection: Connection) throws -> Bool {
        try connection.execute(
            """
            INSERT INTO users (id, email, email_confirmed, name)
            VALUES (\(id), \(optional: email), \(email != nil), \(optional: name))
            ON CONFLICT DO NOTHING
            """) == 1
    }
}
