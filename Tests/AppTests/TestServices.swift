import Crypto
import Flows
import HTTP
import HTTPClient
import JSON
import Migrations
import SharedMemory
import System
import Tokens

@testable import App

/// The services of one process with settings for tests. Password hashing is cheap.
struct TestServices {
    static let issuerName = "https://issuer.example.org"

    /// The keys of an external issuer of tokens that are accepted; nil: no external issuer.
    var issuerKeys: JSONWebKeySet?
    /// Where values of credentials are kept; nil: in the database.
    var secrets: AWSSecrets?
    var loginLimits: LoginLimits?
    /// By default only the class that has a low limit is limited, so that tests may make many calls.
    var rateLimits: [RateClass: RateLimits.Numbers] = [.array: .init(user: 10, guest: 10)]
    /// Whether calls are counted in shared memory; false: in the database.
    var hasSharedMemory = true
    /// In milliseconds.
    var monotonicClock: @Sendable () -> UInt64 = { Monotonic.now.milliseconds }
    var registrationLimit: Int?
    var loginCreatesAccount = false
    var basePath = BasePath.none
    var publicURL: String?
    var queueTimeout: Duration?
    var runLimits = Engine.Limits()
    var threads = 4
    var monitoringAccess = MonitoringAccess(allowing: [], token: nil)
    var crossOrigin = CrossOrigin.none
    var watchCompletion: @Sendable (CompletionWait, PendingResponse) -> Void = { _, _ in }
    var subscribe: @Sendable (EventSubscription) -> Void = { _ in }
    var hasStreams = true
    var status: @Sendable (StatusForm) -> Response = { _ in .noContent }
    static let doctorKey = HMACSHA256(key: [4])
    /// Nil: one that accepts tokens of `doctorKey`.
    var doctor: Doctor?
    var observe: @Sendable (ApplicationEvent) -> Void = { _ in }

    func make() throws -> Services {
        let memory = try SharedMemory()
        let sealingKeys = try KeyRing(key: [UInt8](repeating: 1, count: 32))
        let issuer = issuerKeys.map { keys in
            ExternalIssuer(
                TrustedIssuer(Self.issuerName, proof: .audience, audiences: ["api"], authorizedParties: []),
                keys: IssuerKeys(fetch: { keys }, observe: { _ in }))
        }
        return Services(
            basePath: basePath, publicURL: publicURL,
            tokens: SessionTokens(
                keys: try TokenKeys(secret: [UInt8](repeating: 0x5a, count: 32)), issuer: "i", audience: "a",
                sealingKeys: sealingKeys),
            issuers: [issuer].compactMap(\.self),
            passwords: PasswordHasher(
                slots: HashingSlots(Slots(in: memory, limit: 4), waiting: 4), cost: .init(passes: 1, kibibytes: 8)),
            engine: Engine(catalog: Tasks.makeCatalog(), limits: runLimits), callShares: CallShares(threads: threads),
            queueTimeout: queueTimeout,
            bodyKeys: [HMACSHA256(key: [1])],
            sealingKeys: sealingKeys, credentials: CredentialStore(sealedBy: sealingKeys, in: secrets),
            loginLimits: loginLimits,
            rateLimits: RateLimits(
                rateLimits, key: HMACSHA256(key: [3]), in: hasSharedMemory ? memory : nil, clock: monotonicClock),
            registrationLimit: registrationLimit,
            loginCreatesAccount: loginCreatesAccount, welcome: DemoProfile.welcome, crossOrigin: crossOrigin,
            readinessFailure: { connection in
                _ = try Migrator().state(connection)
                return nil
            }, watchCompletion: watchCompletion,
            events: EventService(hasStreams: hasStreams, subscribe: subscribe),
            monitoring: Monitoring(access: monitoringAccess, metrics: { _ in "up 1\n" }, status: status),
            doctor: doctor
                ?? Doctor(key: Self.doctorKey, process: .init()) { [tokens = SpentTokens(in: memory)] in
                    tokens.spend($0)
                },
            observe: observe)
    }
}
