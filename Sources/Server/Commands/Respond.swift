import App
import Crypto
import FastCGI
import Flows
import Glibc
import HTTP
import Migrations
import Postgres
import System
import Tokens
import SharedMemory
import Supervision
import Synchronization
import WorkerPool

/// `respond`: the responder. FastCGI on descriptor 0 with a thread pool, or one plain CGI request.
enum Respond {
    static func run(_ invocation: Invocation) throws {
        // First of all: it blocks signals, and threads inherit the signal mask of the thread that starts them.
        let control = Mutex(try ChildControl(environment: invocation.environment))
        Scheduling.useBatchScheduling()
        let isOfServiceManager = Listener.isInherited(by: getppid(), invocation.environment)
        let configuration = invocation.configuration
        if let bytes = try configuration.processMemory { ProcessMemory.limit(to: bytes) }
        let observers = try Observers(invocation, as: .responder)
        let (log, memory, observe) = (observers.log, observers.memory, observers.observe)
        defer { log.close() }
        control.withLock { $0.reopenLog = { log.reopen() } }
        let database = try configuration.database.observed(by: observe)
        let gate = try configuration.flowGate
        let completions = try CompletionWatcher(database) { observe(.completionsUnavailable($0)) }
        defer { completions.stop() }
        let events = try EventFeed(database, observe: observe)
        defer { events.stop() }
        let listener = Listener(adopting: 0)
        // A process that answers one call ends with it: nothing can follow.
        let emails = try listener == nil ? nil : emailFetcher(configuration, database, observe)
        defer { emails?.stop() }
        try AutoMigration.run(invocation, observe)
        let calls = try callWorker(invocation, memory.memory, observe)
        // mod_fcgid collects a response, and gives a process no other call until it ends.
        let hasStreams = listener != nil && (PoolMemory.isSupervised(invocation.environment) || gate != nil)
        let application = Application(
            services: try services(
                configuration, memory, observe, isCGI: listener == nil, fetchEmail: { emails?.add($0) },
                events: EventService(hasStreams: hasStreams) { try events.subscribe($0) }
            ) { wait, pending in
                guard let calls else { return try completions.add(wait, pending) }
                try calls.execute(until: pending) { try completions.add(wait, $0) }
            },
            clock: { WallClock.seconds })
        var limited = database
        limited.waitLimit = WaitLimit(threads: try configuration.threads) { observe(.database($0)) }
        let makeHandler: @Sendable () -> ResponderPool.Handler = { [limited] in
            let connection = Connection(limited)
            let seat = Scoreboard(in: memory.memory).takeSeat()
            return { request, read in
                seat?.begin()
                var isRead = false
                // The time in which a client sends its body does not count: the read deadline limits it.
                var reply = application.reply(
                    to: request,
                    readingBody: { policy throws(Rejection) in
                        seat?.pause()
                        let body = try read(policy)
                        seat?.resume()
                        isRead = true
                        return body
                    }, over: connection, at: seat)
                // What is left of it is discarded before the response is sent.
                if !isRead { seat?.pause() }
                guard reply.continuation == nil else {
                    seat?.end()
                    return reply
                }
                let onSent = reply.onSent
                reply.onSent = {
                    onSent?()
                    seat?.end()
                }
                return reply
            }
        }
        guard let listener else {
            // With the headers, which are no settings.
            CGI.serve(
                environment: Environment.current, bodyLimit: Routes.maximumBodyLength, handler: makeHandler())
            // The web server waits for the end of the output before it ends the response.
            close(1)
            fillStandardDescriptors()
            calls?.finish()
            return
        }
        let streams = try configuration.eventStreams
        let pool = try ResponderPool(
            listener: listener, threads: try configuration.threads,
            settings: FastCGISettings(
                gate: gate, bodyLimit: Routes.maximumBodyLength, allowsClient: try configuration.allowsClient,
                parkingLimit: max(1_000, 2 * streams), streamLimit: streams,
                queueTimeout: try configuration.queueTimeout,
                register: register(in: memory.memory)),
            observe: { observe(.edge($0)) }, makeHandler: makeHandler,
            makeSpareHandler: { [limited] in
                let connection = Connection(limited)
                return { request, read in
                    application.reply(to: request, readingBody: read, over: connection, isOverloaded: true)
                }
            })
        let drained = try WakeUp()
        try pool.start()
        let signals = control.withLock {
            $0.replaceListener = { pool.replaceListener(by: $0) }
            $0.reportReady()
            // Then all responders exit, so that nothing would accept what comes, unless a service manager starts a
            // supervisor again with the same socket.
            if $0.run(adopt: { pool.adopt($0) }) == .supervisorExited, !isOfServiceManager {
                listener.refuseConnections()
            }
            return $0.signalDescriptor
        }
        // This thread waits in `drain`. If no other can be started, only the log is not opened again, and a drain that
        // the supervisor has not ordered may be taken for a hang.
        let reader = try? NativeThread {
            while !drained.clear() {
                let next = control.withLock { $0.handleSignals() }
                _ = readable(among: [signals, drained.descriptor], until: next)
            }
        }
        pool.drain { connection in control.withLock { $0.handOver(connection) } }
        calls?.finish()
        drained.signal()
        reader?.join()
    }

    /// Throws for every setting that is not valid; has no effect outside this process.
    static func services(
        _ configuration: Configuration, _ memory: PoolMemory, _ observe: @escaping Observer, isCGI: Bool = false,
        fetchEmail: @escaping @Sendable (EmailQueue.User) -> Void = { _ in },
        events: EventService,
        watchCompletion: @escaping @Sendable (CompletionWait, PendingResponse) throws -> Void
    ) throws -> Services {
        let engine = Engine(
            catalog: Tasks.makeCatalog(
                hasPrograms: try configuration.execDir != nil, lifetime: try configuration.runLimits.lifetime),
            limits: try configuration.runLimits, observe: { observe(.engine($0)) })
        let hashing = hashingSlots(in: memory.memory)
        return Services(
            basePath: try configuration.basePath, publicURL: try configuration.siteURL,
            tokens: try configuration.tokens, issuers: try issuers(configuration, observe, fetchEmail),
            passwords: try passwords(configuration, hashing, observe), engine: engine,
            callShares: CallShares(threads: try configuration.threads),
            queueTimeout: try configuration.queueTimeoutByClock,
            bodyKeys: try configuration.bodyKeys, sealingKeys: try configuration.sealingKeys,
            credentials: try credentials(configuration, observe),
            loginLimits: try configuration.loginThrottleKey.map { key in
                LoginLimits(throttle: LoginThrottle(in: memory.memory), key: key)
            },
            rateLimits: try configuration.rateLimits(in: memory.isShared ? memory.memory : nil),
            registrationLimit: try configuration.registrationLimit,
            loginCreatesAccount: try configuration.loginCreatesAccount, welcome: try configuration.welcome,
            crossOrigin: try configuration.frontendURL,
            readinessFailure: { connection in try Migrator().state(connection).readinessFailure },
            watchCompletion: watchCompletion, events: events,
            monitoring: Monitoring(
                access: MonitoringAccess(
                    allowing: try configuration.metricsAllow, token: try configuration.metricsToken),
                metrics: { MetricsPage(of: memory, hashing: hashing, engine: engine).text(over: $0) },
                status: { PoolStatus.response(in: $0, of: memory.memory) }),
            doctor: try doctor(configuration, memory, isCGI: isCGI),
            observe: { observe(.application($0)) })
    }

    private static func doctor(_ configuration: Configuration, _ memory: PoolMemory, isCGI: Bool) throws -> Doctor {
        let tokens = SpentTokens(in: memory.memory)
        return Doctor(
            key: try configuration.doctorKey,
            process: .init(isCGI: isCGI, isSupervised: memory.main != getpid(), sharesMemory: memory.isShared)
        ) { tokens.spend($0) }
    }

    /// Where the values of credentials are kept.
    ///
    /// - Parameter later: runs what waits for AWS; nil: at once.
    static func credentials(
        _ configuration: Configuration, later: CredentialStore.Later? = nil, _ observe: @escaping Observer
    ) throws -> CredentialStore {
        CredentialStore(
            sealedBy: try configuration.sealingKeys, in: try configuration.secrets, later: later ?? { _, job in job() },
            observe: { observe(.application($0)) })
    }

    /// Nil under a supervisor, which has workers, and without any (`WORKERS=0`).
    private static func callWorker(
        _ invocation: Invocation, _ memory: SharedMemory, _ observe: @escaping Observer
    ) throws -> CallWorker? {
        var policy = try Work.policy(invocation.configuration)
        policy.slots = min(policy.slots, 2)
        guard !PoolMemory.isSupervised(invocation.environment), try invocation.configuration.workers > 0 else {
            return nil
        }
        return CallWorker({ [policy] in try ExecutingThreads(invocation, policy, memory, observe) }) {
            observe(.runsNotExecuted($0))
        }
    }

    private static func register(in memory: SharedMemory) -> CallRegister {
        let calls = BegunCalls(in: memory)
        return CallRegister(begin: { calls.begin($0) }, end: { calls.end($0) })
    }

    /// The external issuers. All threads of this process share their cached keys.
    private static func issuers(
        _ configuration: Configuration, _ observe: @escaping Observer,
        _ fetchEmail: @escaping @Sendable (EmailQueue.User) -> Void
    ) throws -> [ExternalIssuer] {
        let allowed = try configuration.httpAllowAddresses
        return try configuration.issuers.map { issuer in
            let fetch = KeyFetch(issuer.keyAddress, allowing: allowed)
            let keys = IssuerKeys(fetch: { try fetch.keys() }) { error in
                observe(.application(.issuerUnavailable(issuer: issuer.trusted.name, reason: "\(error)")))
            }
            return ExternalIssuer(issuer.trusted, keys: keys, fetchEmail: issuer.users == nil ? nil : fetchEmail)
        }
    }

    /// Nil unless an issuer has the e-mails of its users.
    private static func emailFetcher(
        _ configuration: Configuration, _ database: PostgresConfiguration, _ observe: @escaping Observer
    ) throws -> EmailFetcher? {
        try configuration.issuers.lazy.compactMap(\.users).first.map { users in
            try EmailFetcher(users, database) { observe(.application(.emailNotFetched(reason: "\($0)"))) }
        }
    }

    /// At most one hash per core at a time.
    private static func hashingSlots(in memory: SharedMemory) -> Slots {
        Slots(in: memory, limit: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    }

    /// Fewer than half of a process's threads may wait for a slot.
    private static func passwords(
        _ configuration: Configuration, _ hashing: Slots, _ observe: @escaping Observer
    ) throws -> PasswordHasher {
        let slots = HashingSlots(
            hashing, waiting: max(1, (try configuration.threads - 1) / 2),
            observeWait: { observe(.hashWaited($0)) })
        return PasswordHasher(slots: slots)
    }
}

extension MigrationState {
    /// Why `/ready` fails. A database newer than this program is no failure.
    fileprivate var readinessFailure: ProblemCode? {
        if case .behind = self { .migrationsPending } else { nil }
    }
}
