package import Crypto
import Postgres
package import Tokens

/// Issues and verifies the tokens of sessions. All processes share the keys, and an operator can rotate them while the
/// processes run.
///
/// Each process caches the keys: verifying a token reads the table at most once a second if its key is unknown,
/// otherwise once a minute.
package final class SessionTokens: Sendable {
    /// Verifies with the cached keys. Code that issues tokens uses `recent` instead.
    let issuer: TokenIssuer
    /// The keys from the settings, which precede those of the table.
    private let settings: TokenKeys
    private let sealingKeys: KeyRing?

    package init(keys: TokenKeys, issuer: String, audience: String, sealingKeys: KeyRing?) {
        self.issuer = TokenIssuer(keys: keys, issuer: issuer, audience: audience, untilAdoption: true)
        settings = keys
        self.sealingKeys = sealingKeys
    }

    /// The claims of an access token that is valid at `now`, in seconds since 1970. Throws `TokenError`, or the
    /// database error that prevented the lookup of the token's key.
    func verify(_ token: String, now: Int64, on connection: Connection) throws -> Claims {
        do {
            return try issuer.verify(token, now: now)
        } catch {
            // One lookup a second suffices: see `TokenKey.lead`. Threads that arrive during the first lookup do one
            // too.
            guard error == .unknownKey, issuer.keysReadAt != now else { throw error }
        }
        try refresh(now, connection)
        return try issuer.verify(token, now: now)
    }

    /// The issuer for signing, and for reading refresh tokens, which do not name their key.
    func recent(now: Int64, on connection: Connection) throws -> TokenIssuer {
        let isRecent = issuer.keysReadAt.map { (now - $0).magnitude < TokenKey.signingAge } ?? false
        if !isRecent { try refresh(now, connection) }
        return issuer
    }

    private func refresh(_ now: Int64, _ connection: Connection) throws {
        issuer.adopt(try TokenKey.all(after: settings, sealingKeys, on: connection), readAt: now)
    }
}
