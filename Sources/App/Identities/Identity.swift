import Crypto
import JSON
import Postgres

/// Somebody whom another issuer vouches for. Issuer and subject together name one person for ever (OpenID Connect
/// Core 1.0, section 5.7), so they name one account here.
struct Identity {
    let issuer: String
    let subject: String
    private let email: String?
    private let name: String?

    init(issuer: String, _ claims: ExternalClaims) {
        self.issuer = issuer
        subject = claims.subject
        email = Self.value(claims.email, fitting: Registration.email)
        name = Self.value(claims.name, fitting: Registration.name)
    }

    /// What an account could not have is left out; it is no reason to refuse the call.
    private static func value(_ text: String?, fitting schema: JSONSchema) -> String? {
        text.flatMap { schema.violations(in: .string($0)).isEmpty && !$0.utf8.contains(0) ? $0 : nil }
    }

    /// The account behind it, made at first sight; nil when it is disabled or deleted.
    func principal(welcome: WelcomeCredits, _ audit: AuditTrail, on connection: Connection) throws -> Principal? {
        if let known = try known(on: connection) { return known }
        try makeAccount(welcome, audit, on: connection)
        // Whoever else came with the same at that moment has made it, and it is there now; or it may not call.
        return try known(on: connection)
    }

    private func known(on connection: Connection) throws -> Principal? {
        try connection.query(
            """
            SELECT \(Account.columns), \(Credits.columns)
            FROM identities i JOIN users u ON u.id = i.user_id \(Credits.join)
            WHERE i.issuer = \(issuer) AND i.subject = \(subject) AND u.disabled_at IS NULL
            """
        ).first.map { row in
            var columns = row.columns
            return Principal(account: try Account(&columns), credential: .identity, credits: try Credits(&columns))
        }
    }

    /// Makes the account, unless there was one at any time.
    ///
    /// It is never another one that exists: an e-mail is no proof of being its owner here, where e-mails are not
    /// verified, so whoever registers somebody's address first would share the account that is linked to it later.
    private func makeAccount(_ welcome: WelcomeCredits, _ audit: AuditTrail, on connection: Connection) throws {
        try connection.transaction { connection in
            let userID = UUIDv7.make()
            // First, since who comes second waits for this row, and finds it.
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

    /// False when the e-mail is somebody else's.
    private func insertUser(_ id: String, email: String?, on connection: Connection) throws -> Bool {
        try connection.execute(
            """
            INSERT INTO users (id, email, name) VALUES (\(id), \(optional: email), \(optional: name))
            ON CONFLICT DO NOTHING
            """) == 1
    }
}
