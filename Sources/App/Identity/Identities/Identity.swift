import Crypto
import JSON
import Postgres
import Tokens

/// A user that an external issuer has authenticated. Issuer and subject together identify one person for ever (OpenID
/// Connect Core 1.0, section 5.7), so they identify one account here.
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

    /// A value that an account cannot have is left out; the call is not refused for it.
    private static func value(_ text: String?, fitting schema: JSONSchema) -> String? {
        text.flatMap { schema.violations(in: .string($0)).isEmpty && !$0.utf8.contains(0) ? $0 : nil }
    }

    /// The account of this identity, created on the first call; nil when it is disabled or deleted.
    func principal(welcome: WelcomeCredits, _ audit: AuditTrail, on connection: Connection) throws -> Principal? {
        if let known = try known(on: connection) { return known }
        try makeAccount(welcome, audit, on: connection)
        // A concurrent call may have created it, so it exists now; or it is disabled.
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

    /// False when another account has the e-mail.
    private func insertUser(_ id: String, email: String?, on connection: Connection) throws -> Bool {
        try connection.execute(
            """
            INSERT INTO users (id, email, name) VALUES (\(id), \(optional: email), \(optional: name))
            ON CONFLICT DO NOTHING
            """) == 1
    }
}
