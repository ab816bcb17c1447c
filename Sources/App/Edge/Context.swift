package import Crypto
package import Flows
package import HTTP
package import JSON
package import Postgres

/// What the program has one of, shared by all threads. A class, because every request passes it on.
package final class Services: Sendable {
    package let tokens: SessionTokens
    /// Whose tokens are taken beside ours.
    package let issuers: [ExternalIssuer]
    package let passwords: PasswordHasher
    package let tasks: TaskCatalog
    /// For digests of bodies, one at least: the first makes them, all know them again.
    package let bodyKeys: [HMACSHA256]
    /// For secrets at rest; nil where no key is set, and then there are none.
    package let sealingKeys: KeyRing?
    /// Nil: passwords may be tried as fast as they are checked.
    package let loginLimits: LoginLimits?
    /// How many accounts may be made from one network address in a minute; nil: any number.
    package let registrationLimit: Int?
    /// Whether the first login of an unknown e-mail makes its account.
    package let loginCreatesAccount: Bool
    /// What new accounts begin with.
    package let welcome: WelcomeCredits
    /// Which pages may call with their user's cookies.
    package let crossOrigin: CrossOrigin
    /// How many runs of one user may be under way at once; nil: any number.
    package let runsOfUser: Int?
    /// Why the database is not the one this program needs; nil when it is. Asks over the given connection.
    package let readinessFailure: @Sendable (Connection) throws -> ProblemCode?
    package let observe: @Sendable (ApplicationEvent) -> Void
    let keyUses = KeyUses()
    let prices = Prices()

    package init(
        tokens: SessionTokens, issuers: [ExternalIssuer], passwords: PasswordHasher, tasks: TaskCatalog,
        bodyKeys: [HMACSHA256], sealingKeys: KeyRing?, loginLimits: LoginLimits?, registrationLimit: Int?,
        loginCreatesAccount: Bool, welcome: WelcomeCredits, crossOrigin: CrossOrigin, runsOfUser: Int?,
        readinessFailure: @escaping @Sendable (Connection) throws -> ProblemCode?,
        observe: @escaping @Sendable (ApplicationEvent) -> Void
    ) {
        self.tokens = tokens
        self.issuers = issuers
        self.passwords = passwords
        self.tasks = tasks
        self.bodyKeys = bodyKeys
        self.sealingKeys = sealingKeys
        self.loginLimits = loginLimits
        self.registrationLimit = registrationLimit
        self.loginCreatesAccount = loginCreatesAccount
        self.welcome = welcome
        self.crossOrigin = crossOrigin
        self.runsOfUser = runsOfUser
        self.readinessFailure = readinessFailure
        self.observe = observe
    }
}

/// What the application tells whoever keeps the log. Nothing in it comes from a request's body or headers.
package enum ApplicationEvent: Sendable {
    /// A request was answered 500 or 503; the detail is for the log only.
    case requestFailed(requestID: String, method: String, status: Int, detail: String)
    /// Entries of the audit log wait for their seal, until the next call that writes one.
    case auditNotSealed(detail: String)
    /// An issuer of tokens could not be asked for its keys; those of its last answer serve on for a day.
    case issuerUnavailable(issuer: String, reason: String)
}

/// What a handler is given: one request, checked, and this thread's connection.
package struct Context {
    package let request: Request
    /// The values of the path's parameters, in order.
    package let parameters: [String]
    /// The query's fields; every name is one that the endpoint declares.
    package let query: FormFields
    /// The body, valid by the endpoint's schema; null where it takes none.
    package let input: JSON
    /// Who calls; nil only at an endpoint for everyone.
    let caller: Principal?
    package let idempotencyKey: IdempotencyKey?
    package let connection: Connection
    /// What the call writes into the audit log goes through this.
    let audit: AuditTrail
    package let services: Services
    /// Where the handler says what its answer waits for; nil where nothing may.
    let deferral: Deferral?
    /// Seconds since 1970, when the request was taken up.
    package let now: Int64

    /// To make tokens with, and to read refresh tokens.
    var tokens: TokenIssuer { get throws { try services.tokens.recent(now: now, on: connection) } }

    /// What tasks cost.
    var prices: PriceList { get throws { try services.prices.recent(now: now, on: connection) } }

    var user: Principal {
        get throws {
            guard let caller else { throw Problem.tokenMissing }
            return caller
        }
    }

    /// Where the call comes from.
    var network: Network { Network(of: request.remoteAddress) }

    /// Hashes passwords for the caller's network.
    var passwords: PasswordHasher { services.passwords.serving(network.isEverybody ? nil : network.text) }

    /// A path parameter that must be an id; anything else names nothing.
    func id(at position: Int = 0) throws -> String {
        guard UUIDv7.isValid(parameters[position]) else { throw Problem.notFound }
        return parameters[position]
    }
}
