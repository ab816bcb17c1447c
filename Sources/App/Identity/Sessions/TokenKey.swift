import Crypto
import Postgres
import Tokens

/// A key for access tokens that was created after those of the settings: a row of `token_keys`, which the processes of
/// all machines share.
enum TokenKey {
    /// Seconds from the creation of a key to its first signature.
    ///
    /// A process that receives a token of an unknown key reads the table, but at most once per second
    /// (`SessionTokens.verify`): a client that sends tokens of keys that do not exist can delay the next read by that
    /// second. This does no harm, because a key is in the table for more than a second before its first token exists,
    /// so that the read in that second has found it. The remaining seconds allow for a slow commit.
    static let lead = 5
    /// Seconds for which a process signs before it checks whether another key is due. Until then it signs with the
    /// previous key, whose tokens are still valid; therefore two keys begin to sign at least this far apart.
    static let signingAge: Int64 = 2
    /// Seconds after which no access token of a replaced key is valid: the lifetime of a token, the permitted
    /// difference of clocks (`TokenIssuer.leeway`), and as long again for a process that signed with the old key a
    /// little longer.
    static let tokensEnd = Int(Session.tokenLifetime) + 60

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

    /// A row cannot be opened, because `SEALING_KEY` has changed. Older keys are no substitute: one of them may be
    /// compromised, which may be why this key was created.
    struct Unreadable: Error {}

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

    /// The associated data of a sealed key, which binds it to its id.
    static func associated(_ id: String) -> [UInt8] { Array("token key \(id)".utf8) }
}
