import JSON
import Postgres
import Tokens

/// A user that an external issuer has authenticated. Issuer and subject together identify one person permanently
/// (OpenID Connect Core 1.0, section 5.7), so they identify one account here.
struct Identity {
    let issuer: String
    let subject: String
    let email: String?
    let name: String?
    /// When the token was issued, in seconds since 1970; nil if it does not say.
    let issuedAt: Int64?
    /// When the token expires, in seconds since 1970.
    let expires: Int64?

    /// An identity of a deleted account, as admins see it.
    static let blocked = Resource(
        "BlockedIdentity", .id("id", sql: "user_id").described("The deleted account"),
        .text("issuer", .string(maxLength: 8_192)),
        .text("subject", .string(maxLength: 255)).described("The user's id at the issuer"),
        .time("created_at", sql: "blocked_at").described("When the account was deleted"))

    init(issuer: String, _ claims: ExternalClaims) {
        self.issuer = issuer
        subject = claims.subject
        (issuedAt, expires) = (claims.issuedAt, claims.expires)
        email = claims.email.flatMap(Self.email)
        name = Self.value(claims.name, fitting: Registration.name)
    }

    /// The e-mail as an account has it; nil if it cannot have it.
    static func email(_ text: String) -> String? {
        value(text, fitting: Registration.email).map(UsernameProfile.enforced)
    }

    /// A value that an account cannot have is left out; the call is not refused for it.
    private static func value(_ text: String?, fitting schema: JSONSchema) -> String? {
        text.flatMap { schema.violations(in: .string($0)).isEmpty && !$0.utf8.contains(0) ? $0 : nil }
    }
}
