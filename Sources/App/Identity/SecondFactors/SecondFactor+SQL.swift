import Crypto
import HTTP
import JSON
import Postgres
import Tokens

extension SecondFactor {
    /// The user's factor, confirmed or not; nil when there is none. `locked` locks the row until the transaction ends.
    static func find(
        of userID: String, locked: Bool = false, _ keys: KeyRing?, on connection: Connection
    ) throws -> SecondFactor? {
        let lock: SQL = locked ? "FOR UPDATE" : ""
        let row = try connection.query(
            "SELECT secret, confirmed_at IS NOT NULL FROM second_factors WHERE user_id = \(userID) \(lock)"
        ).first
        guard let row else { return nil }
        let (sealed, isConfirmed) = try row.decode([UInt8].self, Bool.self)
        // Without the sealing key, users with a factor cannot log in: a lost setting must not disable the factor.
        guard let keys else { throw Problem.unavailable() }
        do {
            let secret = try keys.open(sealed, associated: associated(userID))
            return SecondFactor(userID: userID, secret: secret, isConfirmed: isConfirmed)
        } catch SealError.unknownKey {
            throw Problem.unavailable()
        }
    }

    /// Creates an unconfirmed factor, or replaces one. Returns what the app needs; nil when a confirmed factor exists.
    static func begin(
        for account: Account, _ keys: KeyRing, issuer: String, on connection: Connection
    ) throws -> JSON? {
        let secret = TOTP.makeSecret()
        let sealed = keys.seal(secret, associated: associated(account.id))
        let isBegun = try connection.execute(
            """
            INSERT INTO second_factors AS f (user_id, secret) VALUES (\(account.id), \(sealed))
            ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, last_step = 0, created_at = now()
            WHERE f.confirmed_at IS NULL
            """)
        guard isBegun == 1 else { return nil }
        let uri = TOTP(secret: secret).uri(issuer: issuer, account: account.email ?? account.username ?? account.id)
        return ["secret": .string(Base32.encode(secret)), "uri": .string(uri)]
    }

    /// Activates the factor and creates its recovery codes, which are shown once.
    func confirm(on connection: Connection) throws -> [RecoveryCode] {
        let codes = RecoveryCode.makeSet()
        try connection.execute("UPDATE second_factors SET confirmed_at = now() WHERE user_id = \(userID)")
        try connection.execute("DELETE FROM recovery_codes WHERE user_id = \(userID)")
        for code in codes {
            try connection.execute(
                "INSERT INTO recovery_codes (user_id, digest) VALUES (\(userID), \(code.digest(for: userID)))")
        }
        return codes
    }

    /// Whether the code is the app's current one and has not been used before.
    func accepts(_ code: String, now: Int64, on connection: Connection) throws -> Bool {
        guard let step = TOTP(secret: secret).matchingStep(code, at: now) else { return false }
        return try connection.execute(
            "UPDATE second_factors SET last_step = \(step) WHERE user_id = \(userID) AND last_step < \(step)") == 1
    }

    /// The factor that the code proves: the app, or an unused recovery code; nil for a wrong code.
    func proof(
        _ code: String, now: Int64, _ audit: AuditTrail, on connection: Connection
    ) throws -> AuditEvent.Factor? {
        if try accepts(code, now: now, on: connection) { return .app }
        guard let recovery = RecoveryCode(typed: code) else { return nil }
        let isUsed = try connection.execute(
            """
            UPDATE recovery_codes SET used_at = now()
            WHERE user_id = \(userID) AND digest = \(recovery.digest(for: userID)) AND used_at IS NULL
            """)
        guard isUsed == 1 else { return nil }
        try audit.record(.recoveryCodeUsed(of: userID))
        return .recoveryCode
    }

    /// Removes the user's factor with its recovery codes; false when there is none. The caller opens a transaction.
    static func remove(of userID: String, _ audit: AuditTrail, on connection: Connection) throws -> Bool {
        try connection.execute("DELETE FROM recovery_codes WHERE user_id = \(userID)")
        guard try connection.execute("DELETE FROM second_factors WHERE user_id = \(userID)") == 1 else { return false }
        try audit.record(.factorRemoved(of: userID))
        return true
    }
}
