import HTTP
import JSON
import Postgres
import Tokens

extension Endpoint<Context> {
    static let sessions: [Endpoint] = [refresh, csrf, listSessions, endSession, logout]

    private static let refresh = Endpoint(
        .post, "/refresh", operation: "refresh", tag: .sessions, access: .everyone,
        summary: "Renew the tokens of a session",
        description: """
            Takes the refresh token from the body or from the cookie. A refresh token works once: when an old one is
            used again, the session ends. A call whose answer was lost may be repeated within 10 seconds. OAuth 2
            clients may send the form of the refresh token grant.
            """,
        body: .optionalJSONOrForm(
            JSONSchema.object(
                optional: ["refresh_token": Session.refreshToken.described("Default: the cookie's")]
            ).extended(optional: Session.grantFields).named("Refresh")),
        idempotency: .refused, rateClass: .login,
        answers: [Answer(.ok, "The new tokens", Session.tokens, headers: [.setCookie])],
        problems: [.tokenMissing, .tokenInvalid],
        examples: [
            Example(
                "Renew your tokens", body: ["refresh_token": "{{refresh_token}}"],
                stores: ["token": "/token", "refresh_token": "/refresh_token", "X-CSRF-TOKEN": "/csrf_token"])
        ]
    ) { context in
        guard
            let text = try context.input["refresh_token"]?.stringValue
                ?? context.request.token(inCookie: SessionCookies.refresh)
        else { throw Problem.tokenMissing }
        guard let token = RefreshToken(text),
            let session = try Session.renew(by: token, context.tokens, context.audit, on: context.connection)
        else { throw Problem.invalidToken }
        return try session.answer(context)
    }

    private static let logout = Endpoint(
        .post, "/logout", operation: "logout", tag: .sessions, access: .session,
        summary: "End this session, or all of your sessions",
        description: "Its tokens are refused from the next call on. Only an external issuer can end its own tokens.",
        body: .optionalJSON(
            .object(optional: ["all": JSONSchema.boolean.described("Default: false")]).named("Logout")),
        idempotency: .refused, answers: [Answer(.noContent, "The session has ended", headers: [.setCookie])],
        examples: [Example("Log out of the second session", body: ["all": false], as: .token("second_token"))]
    ) { context in
        let user = try context.user
        if context.input["all"] == true {
            try context.connection.transaction { connection in
                try Session.endAll(of: user.id, on: connection)
                try context.audit.record(.logoutAll(of: user.id))
            }
        } else if let session = user.sessionID {
            _ = try Session.end(session, of: user.id, on: context.connection)
        }
        var response = Response.noContent
        SessionCookies(removedBy: context.request, below: context.services.basePath).add(to: &response)
        return response
    }

    private static let csrf = Endpoint(
        .get, "/csrf", operation: "getCSRFToken", tag: .sessions, access: .session,
        summary: "Get the token that calls by cookie send as X-CSRF-TOKEN",
        answers: [
            Answer(
                .ok, "The session's token",
                JSONSchema.object(required: ["csrf_token": Session.csrfToken]).named("CSRFToken"))
        ],
        examples: [Example("Get the CSRF token", stores: ["X-CSRF-TOKEN": "/csrf_token"])]
    ) { context in
        guard let session = try context.user.sessionID else {
            throw Problem.forbidden("The token of another issuer has no session: this needs a login with `POST /login`")
        }
        return .json(["csrf_token": .string(try context.tokens.csrfToken(session: session))])
    }

    private static let listSessions = page(
        of: PagedList("sessions", of: Session.resource),
        at: "/api/sessions", operation: "listSessions", tag: .sessions, access: .session,
        summary: "List where you are logged in", answer: "A page of sessions",
        examples: [Example("List your sessions", stores: ["session_id": "/items/0/id"])]
    ) { context in
        Session.active(of: try context.user)
    }

    private static let endSession = Endpoint(
        .delete, "/api/sessions/{id}", operation: "endSession", tag: .sessions, access: .session,
        summary: "End one of your sessions", answers: [Answer(.noContent, "The session has ended")]
    ) { context in
        guard try Session.end(try context.id(), of: context.user.id, on: context.connection) else {
            throw Problem.notFound
        }
        return .noContent
    }
}

extension Session {
    /// The lifetime of an access token, in seconds.
    static let tokenLifetime: Int64 = 30 * 60

    /// What OAuth 2 clients send with a grant (RFC 6749, sections 2.3.1, 4.3.2 and 6). These fields have no effect.
    static let grantFields: KeyValuePairs<String, JSONSchema> = [
        "grant_type": .string(maxLength: 1_024), "scope": .string(maxLength: 1_024),
        "client_id": .string(maxLength: 1_024), "client_secret": .string(maxLength: 1_024),
    ]

    /// As long as a browser's cookie can be.
    private static let accessToken = JSONSchema.string(maxLength: 4_096)
    fileprivate static let refreshToken = JSONSchema.string(maxLength: 1_024)
    fileprivate static let csrfToken = JSONSchema.string(maxLength: 100)

    private static let tokenMembers: KeyValuePairs<String, JSONSchema> = [
        "token": accessToken.described("The access token"),
        "access_token": accessToken.described("The same"), "token_type": .constant("bearer"),
        "expires_in": JSONSchema.integer.described("Seconds that the access token is valid"),
        "refresh_token": refreshToken.described("What `POST /refresh` takes, once"),
        "csrf_token": csrfToken.described("What calls by cookie send as `X-CSRF-TOKEN`"),
    ]

    /// The answer to a login or a renewal; `token` is the older name of `access_token`.
    static let tokens = JSONSchema.object(
        required: tokenMembers,
        optional: ["created": JSONSchema.boolean.described("Whether this login created the account")]
    ).named("Tokens")
    /// The same for a guest, together with its account.
    static let guestTokens = JSONSchema.object(required: tokenMembers).extended(by: ["user": Profile.schema])
        .named("GuestTokens")

    /// The tokens: in the body for programs, as cookies for browsers. The caller must have passed `CrossOrigin.check`:
    /// otherwise a page of another origin could log its visitors in to a foreign account.
    func answer(
        _ context: Context, status: Status = .ok, with members: KeyValuePairs<String, JSON> = [:]
    ) throws -> Response {
        let (issuer, now) = (try context.tokens, context.now)
        let access = issuer.sign(
            Claims(
                subject: userID, session: id, issuedAt: now, notBefore: now, expires: now + Session.tokenLifetime))
        let refresh = issuer.refreshToken(session: id, number: refreshNumber, seed: seed).text
        let tokens: JSON = [
            "token": .string(access), "access_token": .string(access), "token_type": "bearer",
            "expires_in": .integer(Session.tokenLifetime), "refresh_token": .string(refresh),
            "csrf_token": .string(issuer.csrfToken(session: id)),
        ]
        var body = tokens.objectValue ?? JSONObject()
        for (name, value) in members { body[name] = value }
        var response = Response.json(.object(body), status: status)
        SessionCookies(
            access: access, refresh: refresh, secondsLeft: secondsLeft, for: context.request,
            below: context.services.basePath
        )
        .add(to: &response)
        return response
    }
}
