import HTTP
import Postgres
import Tokens

/// Authenticates the caller by token, API key or cookie, before any other part of the request is read.
struct Authentication {
    let services: Services
    let now: Int64
    let audit: AuditTrail
    let connection: Connection

    /// Nil only at an endpoint that no user calls. Throws 404 at an endpoint for operators that the caller may not
    /// read, 401 for a missing or invalid token or key, and 403 for an insufficient role or scope and for a cookie that
    /// a page of another site may have sent. Sets the actor of `audit`.
    func principal(of request: Request, for endpoint: Endpoint<Context>) throws -> Principal? {
        if endpoint.access == .operators, !services.monitoring.access.permits(request) { throw Problem.notFound }
        guard endpoint.access.needsUser else { return nil }
        let found: Principal?
        if let token = try bearerToken(of: request) {
            found =
                token.hasPrefix(APIKey.prefix)
                ? try APIKey.principal(token, showingStorage: endpoint.showsStorage, on: connection)
                : try principal(of: token, orOf: services.issuers, for: endpoint)
        } else {
            found = try principal(ofCookieIn: request, for: endpoint)
        }
        guard let principal = found else { throw Problem.invalidToken }
        try audit.note(principal, uses: services.keyUses, at: now)
        if let refusal = principal.refusal(by: endpoint) { throw refusal }
        return principal
    }

    /// Tries our own tokens first, so that external issuers do not slow them down.
    private func principal(
        of token: String, orOf issuers: [ExternalIssuer], for endpoint: Endpoint<Context>
    ) throws -> Principal? {
        let claims: Claims
        do {
            claims = try services.tokens.verify(token, now: now, on: connection)
        } catch TokenError.expired {
            throw Problem.tokenExpired
        } catch is TokenError {
            return try ExternalIssuer.principal(
                token, among: issuers, welcome: services.welcome, showingStorage: endpoint.showsStorage, now: now,
                audit,
                on: connection)
        }
        return try Session.principal(of: claims, showingStorage: endpoint.showsStorage, on: connection)
    }

    /// Browsers send cookies with requests from any page. A request that may change something must therefore come from
    /// an allowed page, and contain a CSRF token that only such a page can read.
    private func principal(ofCookieIn request: Request, for endpoint: Endpoint<Context>) throws -> Principal? {
        guard let token = try request.token(inCookie: SessionCookies.access) else { throw Problem.tokenMissing }
        // Tokens of other issuers are not accepted: they have no session, and so no CSRF token.
        let found = try principal(of: token, orOf: [], for: endpoint)
        guard let session = found?.sessionID, !["GET", "HEAD"].contains(request.method) else { return found }
        try services.crossOrigin.check(request)
        guard request.headers.count(of: "x-csrf-token") == 1, let proof = request.headers["x-csrf-token"],
            try services.tokens.recent(now: now, on: connection).isCSRFToken(proof, session: session)
        else { throw Problem.csrfFailed }
        return found
    }

    /// The credentials of `Authorization: Bearer` (RFC 6750, section 2.1); the scheme is not case-sensitive and any
    /// number of spaces may follow it (RFC 9110, section 11.4). Nil without the header. The header takes precedence
    /// over a cookie.
    private func bearerToken(of request: Request) throws -> String? {
        guard request.headers.count(of: "authorization") < 2 else { throw Problem.invalidToken }
        guard let field = request.headers["authorization"] else { return nil }
        // Comparing bytes costs a fraction of comparing characters.
        let bytes = field.utf8Span.span
        let scheme = Self.scheme
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
    static let tokenMissing = Problem.unauthorized(.tokenMissing)
    static let tokenExpired = Problem.unauthorized(.tokenExpired)
    static let invalidToken = Problem.unauthorized(.tokenInvalid)
    fileprivate static let csrfFailed = Problem(.csrfFailed)
}
