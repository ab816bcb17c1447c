import Crypto
import HTTP
import Postgres

/// From a request's token to the account behind it, before anything else of the request is looked at.
enum Authentication {
    /// Nil only where everyone may call. Throws 401 for a missing or invalid token, 403 for a role that does not do.
    static func principal(
        of request: Request, for access: Access, tokens: TokenIssuer, now: Int64, _ connection: Connection
    ) throws -> Principal? {
        guard access != .everyone else { return nil }
        let claims: Claims
        do {
            claims = try tokens.verify(try bearerToken(of: request), now: now)
        } catch TokenError.expired {
            throw Problem.unauthorized("Token has expired", code: "token_expired")
        } catch is TokenError {
            throw Problem.invalidToken
        }
        guard
            let principal = try Session.principal(session: claims.session, user: claims.subject, on: connection)
        else { throw Problem.invalidToken }
        if access == .admin, !principal.isAdmin { throw Problem.forbidden }
        return principal
    }

    /// The credentials of `Authorization: Bearer` (RFC 6750, section 2.1); the scheme in any case, any spaces after
    /// it (RFC 9110, section 11.4).
    private static func bearerToken(of request: Request) throws -> String {
        guard request.headers.count(of: "authorization") < 2 else { throw Problem.invalidToken }
        guard let field = request.headers["authorization"] else { throw Problem.tokenMissing }
        // By bytes, which costs a fraction of what characters do.
        let bytes = field.utf8Span.span
        var start = scheme.count
        guard bytes.count > start, bytes[start] == UInt8(ascii: " ") else { throw Problem.tokenMissing }
        for index in scheme.indices where bytes[index] | 0x20 != scheme[index] { throw Problem.tokenMissing }
        while start < bytes.count, bytes[start] == UInt8(ascii: " ") { start += 1 }
        guard start < bytes.count else { throw Problem.tokenMissing }
        return String(field.utf8.dropFirst(start)) ?? ""
    }

    private static let scheme = Array("bearer".utf8)
}

extension Problem {
    static let tokenMissing = Problem.unauthorized("Token is missing", code: "token_missing")
    static let invalidToken = Problem.unauthorized("Invalid token", code: "token_invalid")
}
