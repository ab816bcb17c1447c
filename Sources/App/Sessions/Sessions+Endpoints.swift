import Crypto
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let sessions: [Endpoint] = [refresh, logout, csrf, listSessions, endSession]

    private static let refresh = Endpoint(
        .post, "/refresh", access: .everyone, summary: "Get a new pair of tokens for a refresh token",
        body: .optionalJSONOrForm(
            .object(
                optional: [
                    "refresh_token": JSONSchema.string(maxLength: 1_024).described("Unless the cookie holds it"),
                    "grant_type": .string(maxLength: 1_024),
                ]
            ).named("Refresh")),
        idempotency: .refused,
        answers: [
            Answer(.ok, "The tokens; the refresh token before is used up", Session.tokens),
            Answer(.unauthorized, "No refresh token that renews a session", Problem.schema), Session.foreignPage,
        ]
    ) { context in
        try context.services.crossOrigin.check(context.request)
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
        .post, "/logout", access: .session, summary: "End this session, or all of them",
        body: .optionalJSON(.object(optional: ["all": .boolean]).named("Logout")),
        idempotency: .refused, answers: [Answer(.noContent, "Ended; tokens of other issuers are theirs to end")]
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
        SessionCookies(removedBy: context.request).add(to: &response)
        return response
    }

    private static let csrf = Endpoint(
        .get, "/csrf", access: .session, summary: "What calls with a cookie send in X-CSRF-TOKEN to change something",
        answers: [Answer(.ok, "The token of this session", .object(required: ["csrf_token": .string]))]
    ) { context in
        guard let session = try context.user.sessionID else { throw Problem.forbidden }
        return .json(["csrf_token": .string(try context.tokens.csrfToken(session: session))])
    }

    private static let listSessions = Endpoint(
        .get, "/api/sessions", access: .session, summary: "Where the caller is logged in",
        query: ListQuery.parameters([], schema: Session.schema),
        answers: [Answer(.ok, "A page of sessions", ListQuery.schema(of: Session.schema))]
    ) { context in
        let list = try ListQuery(context, list: "sessions", filters: [], schema: Session.schema)
        return list.page(try Session.list(list, for: context.user, on: context.connection))
    }

    private static let endSession = Endpoint(
        .delete, "/api/sessions/{id}", access: .session, summary: "End one of the caller's sessions",
        answers: [Answer(.noContent, "Ended")]
    ) { context in
        guard try Session.end(try context.id(), of: context.user.id, on: context.connection) else {
            throw Problem.notFound
        }
        return .noContent
    }
}

extension Session {
    /// Seconds for which an access token is good.
    static let tokenLifetime: Int64 = 30 * 60

    private static let tokenMembers: KeyValuePairs<String, JSONSchema> = [
        "token": .string, "access_token": .string, "token_type": .constant("bearer"), "expires_in": .integer,
        "refresh_token": .string,
        "csrf_token": JSONSchema.string.described("For X-CSRF-TOKEN, where the cookies are used"),
    ]

    /// What a login and a renewal answer: `token` is the access token's older name.
    static let tokens = JSONSchema.object(required: tokenMembers, optional: ["created": .boolean]).named("Tokens")
    /// The same for a guest, with its account.
    static let guestTokens = JSONSchema.object(required: tokenMembers).extended(by: ["user": Profile.schema])
        .named("GuestTokens")

    static let foreignPage = Answer(.forbidden, "A page of another origin calls", Problem.schema)

    /// The tokens: in the body for programs, as cookies for browsers. Where this is answered, another page must not
    /// have called, or it would log its visitors in as somebody else: `CrossOrigin.check` comes first.
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
        SessionCookies(access: access, refresh: refresh, secondsLeft: secondsLeft, for: context.request)
            .add(to: &response)
        return response
    }

    static let schema = JSONSchema.object(required: [
        "id": .string(format: .uuid), "created_at": .string(format: .dateTime),
        "last_used_at": JSONSchema.string(format: .dateTime).described("When it began or was last renewed"),
        "expires_at": .string(format: .dateTime), "address": .string, "agent": .string, "current": .boolean,
    ]).named("Session")

    /// The principal's sessions that still stand, a page at a time.
    static func list(
        _ list: ListQuery, for principal: Principal, on connection: Connection
    ) throws -> [(position: ListQuery.Position, json: JSON)] {
        try connection.query(
            """
            SELECT id, rfc3339(created_at), rfc3339(coalesce(refreshed_at, created_at)), rfc3339(expires_at), address,
                agent, \(ListQuery.position(created: "created_at"))
            FROM sessions WHERE user_id = \(principal.id) AND ended_at IS NULL AND expires_at > now()
            \(list.clauses(created: "created_at", id: "id"))
            """
        ).map { row in
            let (id, createdAt, lastUsedAt, expiresAt, address, agent, created) = try row.decode(
                String.self, String.self, String.self, String.self, String.self, String.self, Int64.self)
            let json: JSON = [
                "id": .string(id), "created_at": .string(createdAt), "last_used_at": .string(lastUsedAt),
                "expires_at": .string(expiresAt), "address": .string(address), "agent": .string(agent),
                "current": .bool(id == principal.sessionID),
            ]
            return (ListQuery.Position(createdAtMicroseconds: created, id: id), json)
        }
    }
}
