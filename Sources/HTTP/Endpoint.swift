/// Everything about one route: the router dispatches by it, and the API description and the Postman collection are
/// written from it.
///
/// `Context` is what a handler gets; this module does not define it. A class, because every request passes an endpoint
/// on and none is ever changed.
package final class Endpoint<Context>: Sendable {
    package let method: Method
    /// `/posts/{id}`: literal segments and parameters in braces, each filling one segment.
    package let path: String
    /// The `operationId`, from which generated clients make the names of their functions: `listPosts`.
    package let operation: String
    package let tag: Tag
    package let access: Access
    /// The scope that an API key must have to call it.
    package let scope: Scope
    /// A scope with which an API key that lacks `scope` may call it too, for what that key has started; nil: none.
    package let limitedScope: Scope?
    /// One line, without a full stop.
    package let summary: String
    /// Details beyond the summary, in Markdown.
    package let description: String?
    package let parameters: [Parameter]
    package let query: [Parameter]
    /// Request headers that the handler reads itself.
    package let headers: [RequestHeader]
    package let body: BodyFormat
    package let idempotency: Idempotency
    package let rateClass: RateClass
    /// Whether the response may come later, as `Prefer: wait` requests (RFC 7240, section 4.3).
    package let waits: Bool
    package let answers: [Answer]
    /// The endpoint's own errors; those of the common stages (401, 404, …) are added automatically.
    package let problems: [ProblemCode]
    package let examples: [Example]
    package let handle: @Sendable (Context) throws -> Reply
    /// The names of the path's parameters, in order.
    package let parameterNames: [String]
    /// Whether a call may use the database; one that does not is also answered while the others have to wait.
    package let usesDatabase: Bool
    /// Whether anyone may call it and gets cookies: then a page of another origin must not call it, because it could
    /// log its visitor in to another user's account.
    package let setsCookies: Bool
    /// Whether programs of other services call it, with any query, which the handler reads. No page may read the answer.
    package let isForServices: Bool

    /// An endpoint that always responds at once.
    package convenience init(
        _ method: Method, _ path: String, operation: String, tag: Tag, access: Access, scope: Scope? = nil,
        limitedScope: Scope? = nil, summary: String, description: String? = nil, parameters: [Parameter] = [],
        query: [Parameter] = [],
        headers: [RequestHeader] = [], body: BodyFormat = .none, idempotency: Idempotency = .none,
        rateClass: RateClass? = nil, usesDatabase: Bool = true, answers: [Answer], problems: [ProblemCode] = [],
        examples: [Example] = [],
        handle: @escaping @Sendable (Context) throws -> Response
    ) {
        self.init(
            method, path, operation: operation, tag: tag, access: access, scope: scope, limitedScope: limitedScope,
            summary: summary, description: description, parameters: parameters, query: query, headers: headers,
            body: body,
            idempotency: idempotency, rateClass: rateClass, usesDatabase: usesDatabase, waits: false, answers: answers,
            problems: problems, examples: examples
        ) { .response(try handle($0)) }
    }

    /// An endpoint with a response that may come later, or in pieces.
    package init(
        _ method: Method, _ path: String, operation: String, tag: Tag, access: Access, scope: Scope? = nil,
        limitedScope: Scope? = nil, summary: String, description: String? = nil, parameters: [Parameter] = [],
        query: [Parameter] = [],
        headers: [RequestHeader] = [], body: BodyFormat = .none, idempotency: Idempotency = .none,
        rateClass: RateClass? = nil, usesDatabase: Bool = true, isForServices: Bool = false, waits: Bool,
        answers: [Answer], problems: [ProblemCode] = [],
        examples: [Example] = [], handle: @escaping @Sendable (Context) throws -> Reply
    ) {
        if case .file = body {
            precondition(!idempotency.takesKey, "\(operation): the digest of a key's call needs its body in memory")
        }
        self.method = method
        self.path = path
        self.operation = operation
        self.tag = tag
        self.access = access
        self.scope = scope ?? (access == .admin ? .admin : method == .get ? .read : .write)
        self.limitedScope = limitedScope
        self.summary = summary
        self.description = description
        self.parameters = parameters
        self.query = query
        self.headers = headers
        self.body = body
        self.idempotency = idempotency
        self.rateClass = rateClass ?? RateClass(defaultFor: method, self.scope)
        self.usesDatabase = usesDatabase
        self.isForServices = isForServices
        self.waits = waits
        self.answers = answers
        self.problems = problems
        self.examples = examples
        self.handle = handle
        parameterNames = path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
            String($0.dropFirst().dropLast())
        }
        setsCookies = access == .everyone && answers.contains { $0.headers.contains(.setCookie) }
    }
}

/// A chapter of the API description: the endpoints that belong together.
package struct Tag: Sendable, Equatable {
    package let name: String
    /// One sentence, in Markdown.
    package let summary: String

    package init(_ name: String, _ summary: String) {
        self.name = name
        self.summary = summary
    }
}

/// Who may call an endpoint; decided before its body is decoded.
package enum Access: Sendable {
    case everyone
    /// Programs of the operator, by their address or a token of their own; others get a 404.
    case operators
    /// Every user, also guests and API keys.
    case user
    /// A user who has logged in, also a guest: API keys do not belong to a session.
    case session
    /// A user with an account who has logged in: API keys must not manage an account, and guests have none.
    case account
    /// A user with an account, also by an API key: guests have none.
    case member
    case admin

    /// Whether a call belongs to a user.
    package var needsUser: Bool { self != .everyone && self != .operators }

    /// Whether an API key may be sufficient.
    package var takesKeys: Bool { self == .user || self == .member || self == .admin }
}

/// What an API key permits. Default for an endpoint: the scope that follows from its access and method.
package enum Scope: String, Sendable, CaseIterable {
    case read
    /// To run flows.
    case run
    case write
    /// What only admins may do.
    case admin
}

/// What an `Idempotency-Key` does to a call.
package enum Idempotency: Sendable {
    /// The header has no effect: the method is idempotent by itself.
    case none
    /// The call runs in one transaction, which also stores its response.
    case wholeCall
    /// The handler claims the key itself, in its first commit: it commits in several steps, or starts a run, and the
    /// answer to a repeated call is derived from the record of the run.
    case byHandler
    /// Responses that contain a secret are not stored; a call with a key is refused with 400.
    case refused

    /// Whether a call may carry a key.
    package var takesKey: Bool { self == .wholeCall || self == .byHandler }
}
