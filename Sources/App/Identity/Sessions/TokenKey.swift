import Crypto
import Postgres

/// A key of the access tokens that came after those of the settings: a row of `token_keys`, the same for the processes
/// of all machines.
enum TokenKey {
    /// Seconds from the making of a key to its first signature.
    ///
    /// A process that is shown a token of a key it does not know looks into the table, but not twice within one second
    /// (`SessionTokens.verify`): who shows it tokens of keys that do not exist can keep it from a look for so long. That
    /// does no harm, for a key is in the table for longer than a second before the first token of it is about: the look
    /// that was taken in that second has found it. The rest of the time is for a commit that is slow.
    static let lead = 5
    /// Seconds for which a process goes on signing before it looks whether another key is due. Until then it signs with
    /// the one before, whose tokens are good as well; so two keys take over at least that far apart.
    static let signingAge: Int64 = 2
    /// Seconds after which no access token is left of a key that has been replaced: their life, what clocks may differ
    /// (`TokenIssuer.leeway`), and as long again for a process that signed with it a little longer.
    static let tokensEnd = Int(Session.tokenLifetime) + 60

    /// The keys in force: those of the settings and then the table's. They differ only by time, and that is the
    /// database's.
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

    /// A row does not open: `SEALING_KEY` is not what it was. The keys before it are no substitute, for one of them may
    /// be why it was made.
    struct Unreadable: Error {}

    /// For how many seconds from now tokens are good of the key that the next one would put out of force; nil when none
    /// was ever made.
    static func secondsOfOldTokens(on connection: Connection) throws -> Int? {
        try connection.query(
            """
            SELECT ceil(extract(epoch FROM max(signs_at) + \(tokensEnd) * interval '1 second' - clock_timestamp()))::bigint
            FROM token_keys
            """
        ).only.decode(Int?.self)
    }

    /// Makes a key and returns its id and when it will sign. The caller has locked the table.
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

    /// Where a sealed secret belongs.
    static func associated(_ id: String) -> [UInt8] { Array("token key \(id)".utf8) }
}
