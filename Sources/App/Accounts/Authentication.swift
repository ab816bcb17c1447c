import Crypto
import HTTP
import Postgres

/// From a request's token to the account behind it, before anything else of the request is looked at.
enum Authentication {
    /// Nil only where everyone may call. Throws 401 for a missing or invalid token or key, 403 for a role or key that
    /// does not do.
    static func principal(
        of request: Request, for endpoint: Endpoint<Context>, tokens: TokenIssuer, now: Int64, _ connection: Connection
    ) throws -> Principal? {
        guard endpoint.access != .everyone else { return nil }
        let token = try bearerToken(of: request)
        let found =
            token.hasPrefix(APIKey.prefix)
            ? try APIKey.principal(token, on: connection)
            : try principal(ofSession: token, tokens, now, connection)
        guard let principal = found else { throw Problem.invalidToken }
        guard principal.mayCall(endpoint) else { throw Problem.forbidden }
        return principal
    }

    private static func principal(
        ofSession token: String, _ tokens: TokenIssuer, _ now: Int64, _ connection: Connection
    ) throws -> Principal? {
        let claims: Claims
        do {
            claims = try tokens.verify(token, now: now)
        } catch {
            throw error == .expired
                ? Problem.unauthorized("Token has expired", code: "token_expired") : Problem.invalidToken
        }
        return try Session.principal(session: claims.session, user: claims.subject, on: connection)
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
        return String(Substring(field.utf8.dropFirst(start)))
    }

    private static let scheme = Array("bearer".utf8)
}

extension Problem {
    static let tokenMissing = Problem.unauthorized("Token is missing", code: "token_missing")
    static let invalidToken = Problem.unauthorized("Invalid token", code: "token_invalid")
}
