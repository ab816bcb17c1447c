package import Crypto
import Postgres

/// The tokens of sessions, made and read with keys that all processes have in common and that an operator may replace
/// while they serve.
///
/// What a process knows of the keys it keeps: a token of a key that is known costs no statement, but for one a minute.
package final class SessionTokens: Sendable {
    /// With the keys as they are known; for what is made with them `recent` is the one.
    let issuer: TokenIssuer
    /// Those of the settings, which come before those of the table.
    private let settings: TokenKeys
    private let sealingKeys: KeyRing?

    package init(keys: TokenKeys, issuer: String, audience: String, sealingKeys: KeyRing?) {
        self.issuer = TokenIssuer(keys: keys, issuer: issuer, audience: audience, untilAdoption: true)
        settings = keys
        self.sealingKeys = sealingKeys
    }

    /// The claims of an access token that holds at `now`, in seconds since 1970. Throws `TokenError`, or what keeps it
    /// from looking for the token's key.
    func verify(_ token: String, now: Int64, on connection: Connection) throws -> Claims {
        do {
            return try issuer.verify(token, now: now)
        } catch {
            // Once a second does: see `TokenKey.lead`. Threads that come while the first one looks do so as well.
            guard error == .unknownKey, issuer.keysReadAt != now else { throw error }
        }
        try look(now, connection)
        return try issuer.verify(token, now: now)
    }

    /// To sign with, and to read refresh tokens, which do not name their key.
    func recent(now: Int64, on connection: Connection) throws -> TokenIssuer {
        let isRecent = issuer.keysReadAt.map { (now - $0).magnitude < TokenKey.signingAge } ?? false
        if !isRecent { try look(now, connection) }
        return issuer
    }

    private func look(_ now: Int64, _ connection: Connection) throws {
        issuer.adopt(try TokenKey.all(after: settings, sealingKeys, on: connection), readAt: now)
    }
}
