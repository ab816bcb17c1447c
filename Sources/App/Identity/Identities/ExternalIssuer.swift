import HTTP
import Postgres
import System
package import Tokens

/// An external issuer of tokens: an OpenID Connect provider or Clerk.
package struct ExternalIssuer: Sendable {
    private let trusted: TrustedIssuer
    private let keys: IssuerKeys
    private let fetchEmail: (@Sendable (EmailQueue.User) -> Void)?

    /// - Parameter fetchEmail: called with a user without a known e-mail. It returns at once: the e-mail is fetched
    ///   later. Nil: the tokens of the issuer have it, or it stays unknown.
    package init(
        _ trusted: TrustedIssuer, keys: IssuerKeys, fetchEmail: (@Sendable (EmailQueue.User) -> Void)? = nil
    ) {
        self.trusted = trusted
        self.keys = keys
        self.fetchEmail = fetchEmail
    }

    /// The owner of the token. Only the configured issuers are considered.
    ///
    /// Nil for a token of an unknown issuer or key, and for one of a disabled user. Throws 401 for a token that has
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
        let principal = try Identity(issuer: issuer.trusted.name, claims).principal(
            welcome: welcome, showingStorage: showingStorage, audit, on: connection)
        if let principal, principal.account.email == nil {
            issuer.fetchEmail?(EmailQueue.User(subject: claims.subject, id: principal.id))
        }
        return principal
    }
}
