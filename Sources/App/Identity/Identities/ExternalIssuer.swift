import HTTP
import Postgres
import System
package import Tokens

/// An external issuer of tokens: an OpenID Connect provider or Clerk.
package struct ExternalIssuer: Sendable {
    private let trusted: TrustedIssuer
    private let keys: IssuerKeys

    package init(_ trusted: TrustedIssuer, keys: IssuerKeys) {
        self.trusted = trusted
        self.keys = keys
    }

    /// The owner of the token. Only the configured issuers are considered.
    ///
    /// Nil for a token of an unknown issuer or key, and for one whose user is disabled. Throws 401 for a token that has
    /// expired or is not valid, and 503 while the issuer's keys cannot be fetched.
    static func principal(
        _ token: String, among issuers: [ExternalIssuer], welcome: WelcomeCredits, showingStorage: Bool,
        now: Int64, _ audit: AuditTrail, on connection: Connection
    ) throws -> Principal? {
        guard !issuers.isEmpty, let token = ExternalToken(token),
            let issuer = issuers.first(where: { $0.trusted.name.hasSameBytes(as: token.issuer) }),
            let key = try issuer.keys.key(named: token.keyID)
        else { return nil }
        let claims: ExternalClaims
        do {
            claims = try token.claims(from: issuer.trusted, signedBy: key, now: now)
        } catch {
            throw error == .expired ? Problem.tokenExpired : Problem.invalidToken
        }
        return try Identity(issuer: issuer.trusted.name, claims).principal(
            welcome: welcome, showingStorage: showingStorage, audit, on: connection)
    }
}
