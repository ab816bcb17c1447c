import Crypto
import Postgres
import Tokens

extension TokenKey {
    /// The current keys: those of the settings, then those of the table. Only the database's clock decides which key
    /// signs.
    static func all(
        after settings: TokenKeys, _ sealingKeys: KeyRing?, on connection: Connection
    ) throws -> TokenKeys {
        let rows = try connection.query(
            "SELECT id, secret, signs_at <= clock_timestamp() FROM token_keys ORDER BY signs_at")
        var secrets: [[UInt8]] = []
        defer { for index in secrets.indices { secrets[index].wipe() } }
        var signing = 0
        for row in rows {
            let (id, sealed, isDue) = try row.decode(String.self, [UInt8].self, Bool.self)
            guard let secret = try? sealingKeys?.open(sealed, associated: associated(id)) else { throw Unreadable() }
            secrets.append(secret)
            if isDue { signing += 1 }
        }
        return try settings.followed(by: secrets, signing: signing)
    }

    /// Seconds for which tokens of the key that the next rotation would remove stay valid; nil when no key was ever
    /// created.
    static func secondsOfOldTokens(on connection: Connection) throws -> Int? {
        try connection.query(
            """
            SELECT ceil(extract(
                epoch FROM max(signs_at) + \(tokensEnd) * interval '1 second' - clock_timestamp()))::bigint
            FROM token_keys
            """
        ).only.decode(Int?.self)
    }

    /// Creates a key and returns its id and the time from which it signs. The caller has locked the table.
    static func make(sealedBy keys: KeyRing, on connection: Connection) throws -> (id: String, signsAt: String) {
        var secret = SecureRandom.bytes(TokenKeys.minimumLength)
        defer { secret.wipe() }
        let id = try TokenKeys.id(of: secret)
        let signsAt = try connection.query(
            """
            INSERT INTO token_keys (id, secret, signs_at)
            SELECT \(id), \(keys.seal(secret, associated: associated(id))),
                greatest(clock_timestamp(), max(signs_at) + \(signingAge) * interval '1 second')
                    + \(lead) * interval '1 second'
            FROM token_keys
            RETURNING rfc3339(signs_at)
            """
        ).only.decode(String.self)
        return (id, signsAt)
    }
}
