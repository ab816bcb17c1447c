package import Crypto
import HTTP
import Postgres

/// An issuer of tokens beside ourselves: an OpenID Connect provider or Clerk.
package struct ExternalIssuer: Sendable {
    private let trusted: TrustedIssuer
    private let keys: IssuerKeys

    package init(_ trusted: TrustedIssuer, keys: IssuerKeys) {
        self.trusted = trusted
        self.keys = keys
    }

    /// Whose token it is. The issuer that it names is looked for among those we know, and nowhere else.
    ///
    /// Nil for a token of nobody we know, one that is not valid, and one whose user may not call. Throws 401 for one
    /// that has expired, 503 while it cannot be told whether the issuer's key signed it.
    static func principal(
        _ token: String, among issuers: [ExternalIssuer], welcome: WelcomeCredits, now: Int64, _ audit: AuditTrail,
        on connection: Connection
    ) throws -> Principal? {
        guard !issuers.isEmpty, let token = ExternalToken(token),
            let issuer = issuers.first(where: { $0.trusted.name == token.issuer }),
            let key = try issuer.keys.key(named: token.keyID)
        else { return nil }
        let claims: ExternalClaims
        do {
            claims = try token.claims(from: issuer.trusted, signedBy: key, now: now)
        } catch {
            throw error == .expired ? Problem.tokenExpired : Problem.invalidToken
        }
        return try Identity(issuer: issuer.trusted.name, claims).principal(
            welcome: welcome, audit, on: connection)
    }
}
