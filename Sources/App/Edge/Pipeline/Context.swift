package import Crypto
package import Flows
package import HTTP
package import JSON
package import Postgres
import Tokens

/// The services that all threads of the process share. A class, because every request passes it on.
package final class Services: Sendable {
    package let basePath: BasePath
    /// The URL of this program as its clients know it, with the base path; nil if no setting says it.
    package let publicURL: String?
    package let tokens: SessionTokens
    /// The external issuers of tokens that are accepted in addition to ours.
    package let issuers: [ExternalIssuer]
    package let passwords: PasswordHasher
    package let engine: Engine
    package let callShares: CallShares
    /// How long a call may have waited for a thread before it is refused; nil: without a limit.
    package let queueTimeout: Duration?
    /// The keys for digests of bodies, at least one: the first creates digests, and all of them recognize digests.
    package let bodyKeys: [HMACSHA256]
    /// The keys that seal secrets at rest; nil if none is set, and then no secrets can be stored.
    package let sealingKeys: KeyRing?
    package let credentials: CredentialStore
    /// Nil: failed logins are not throttled.
    package let loginLimits: LoginLimits?
    /// The limits of calls by rate class.
    package let rateLimits: RateLimits
    /// The maximum number of accounts created from one network address in a minute; nil: no limit.
    package let registrationLimit: Int?
    /// Whether the first login with an unknown e-mail creates its account.
    package let loginCreatesAccount: Bool
    /// The credits of new accounts.
    package let welcome: WelcomeCredits
    /// The origins from which pages may send their user's cookies.
    package let crossOrigin: CrossOrigin
    /// Why the connection's database is not usable by this version of the program; nil when it is.
    package let readinessFailure: @Sendable (Connection) throws -> ProblemCode?
    /// Sends the pending response when the run ends or the timeout passes.
    package let watchCompletion: @Sendable (CompletionWait, PendingResponse) throws -> Void
    package let events: EventService
    package let monitoring: Monitoring
    /// Nil: no call is answered with what has arrived of it.
    package let doctor: Doctor?
    package let observe: @Sendable (ApplicationEvent) -> Void
    let keyUses = KeyUses()

    package init(
        basePath: BasePath = .none, publicURL: String? = nil, tokens: SessionTokens, issuers: [ExternalIssuer],
        passwords: PasswordHasher, engine: Engine,
        callShares: CallShares, queueTimeout: Duration? = nil,
        bodyKeys: [HMACSHA256], sealingKeys: KeyRing?, credentials: CredentialStore, loginLimits: LoginLimits?,
        rateLimits: RateLimits, registrationLimit: Int?,
        loginCreatesAccount: Bool, welcome: WelcomeCredits, crossOrigin: CrossOrigin,
        readinessFailure: @escaping @Sendable (Connection) throws -> ProblemCode?,
        watchCompletion: @escaping @Sendable (CompletionWait, PendingResponse) throws -> Void, events: EventService,
        monitoring: Monitoring,
        doctor: Doctor?,
        observe: @escaping @Sendable (ApplicationEvent) -> Void
    ) {
        self.basePath = basePath
        self.publicURL = publicURL
        self.tokens = tokens
        self.issuers = issuers
        self.passwords = passwords
        self.engine = engine
        self.callShares = callShares
        self.queueTimeout = queueTimeout
        self.bodyKeys = bodyKeys
        self.sealingKeys = sealingKeys
        self.credentials = credentials
        self.loginLimits = loginLimits
        self.rateLimits = rateLimits
        self.registrationLimit = registrationLimit
        self.loginCreatesAccount = loginCreatesAccount
        self.welcome = welcome
        self.crossOrigin = crossOrigin
        self.readinessFailure = readinessFailure
        self.watchCompletion = watchCompletion
        self.events = events
        self.monitoring = monitoring
        self.doctor = doctor
        self.observe = observe
    }
}

/// The input of a handler: one validated request and this thread's connection.
package struct Context {
    var call: Call
    let endpoint: Endpoint<Context>
    /// The values of the path's parameters, in the order of their names.
    let parameters: [String]
    /// The query's fields, all of which the endpoint declares.
    package let query: FormFields
    /// The body as it was sent.
    let body: RequestBody
    /// The body, which satisfies the endpoint's schema; null for an endpoint without a schema.
    package let input: JSON
    /// The caller; nil only at an endpoint that is open to everyone.
    let caller: Principal?
    /// The call's share of the threads; nil without a caller.
    let share: CallShare?
    package let idempotencyKey: IdempotencyKey?
    /// What the first call with this key has left, at an endpoint with a handler that claims the key; nil if there was
    /// none.
    var earlier: IdempotencyKey.Earlier?
    package let connection: Connection
    /// Writes the audit log for this call.
    let audit: AuditTrail
    /// When processing of the request began, in seconds since 1970.
    package let now: Int64

    package var request: Request { call.request }
    package var services: Services { call.services }

    /// The issuer that creates tokens and reads refresh tokens.
    var tokens: TokenIssuer { get throws { try services.tokens.recent(now: now, on: connection) } }

    /// The prices of the task types.
    var prices: PriceList { get throws { try services.engine.prices(on: connection) } }

    /// How many bytes a user may keep.
    var storage: StorageQuota { services.engine.storage }

    /// Throws 413 if the user keeps as many bytes as the user may: before a call stores something small, which is not
    /// refused by itself.
    func checkStorage() throws {
        if try user.isFull { throw Problem(.quotaExceeded) }
    }

    var user: Principal {
        get throws {
            guard let caller else { throw Problem.tokenMissing }
            return caller
        }
    }

    /// The client's network.
    var network: Network { Network(of: request.remoteAddress) }

    /// Hashes passwords and shares the slots fairly among networks.
    var passwords: PasswordHasher { services.passwords.serving(network.isShared ? nil : network.text) }

    /// The same for a login: among accounts, if the network stands for all clients.
    ///
    /// - Parameter account: the id of the account, or the name of an unknown one.
    func passwords(of account: String) -> PasswordHasher {
        network.isShared ? services.passwords.serving("\(network.text)\0\(account)") : passwords
    }

    /// The path parameter of that name, which the endpoint's path has.
    func path(_ name: String) -> String {
        guard let position = endpoint.parameterNames.firstIndex(of: name) else {
            preconditionFailure("\(endpoint.path) has no parameter \(name)")
        }
        return parameters[position]
    }

    /// A path parameter that must be an id, in the case in which ids are read. Throws 404 for any other text.
    func id(_ name: String = "id") throws -> String {
        let id = path(name)
        guard id.isUUID else { throw Problem.notFound }
        return id.lowercased()
    }
}
