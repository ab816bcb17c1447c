import App
import Flows
import HTTP
import HTTPClient
import Postgres
import Programs
import SharedMemory
import System
import WorkerPool

/// The threads of a process that execute runs, with what the steps of these runs need.
struct ExecutingThreads: Sendable {
    let worker: Worker
    private let secrets: SecretsThread?
    private let notifications: NotificationThread
    private let startSecrets: @Sendable () throws -> Void

    /// Throws for every setting that is not valid.
    init(
        _ invocation: Invocation, _ policy: WorkerPolicy, _ memory: SharedMemory, _ observe: @escaping Observer
    ) throws {
        let configuration = invocation.configuration
        // Before the thread of the driver exists, which would still run while a refusal ends the process.
        let programPolicy = try configuration.programs(settingsFile: invocation.settingsFile)
        let database = try configuration.database.observed(by: observe)
        var client = HTTPClientSettings()
        client.allowedAddresses = try configuration.httpAllowAddresses
        let calls = ExternalCalls(ExternalCalls.Limits(atOnce: try configuration.externalCalls)) {
            observe(.engine($0))
        }
        let driver = try HTTPDriver(client)
        let programs = try programPolicy.map { policy in
            try ProgramRunner(
                policy, executable: isRunByLoader ? invocation.executable : "/proc/self/exe", adoptsOrphans: true,
                watch: { driver.whenReadable($0, $1) },
                observe: { observe(.program($0)) })
        }
        let sealingKeys = try configuration.sealingKeys
        let secrets = try configuration.useDBSecrets ? nil : SecretsThread()
        let credentials = try Respond.credentials(configuration, later: secrets?.add, observe)
        let notifications = try NotificationThread(
            EndNotifier(
                by: driver, sealing: sealingKeys,
                site: try configuration.siteURL ?? configuration.basePath.description
            ) { observe(.application($0)) }, database
        ) { observe(.worker(.dutyFailed("end-notifier", $0))) }
        self.notifications = notifications
        worker = try Worker(
            policy: policy,
            queue: WorkerQueue(
                of: Engine(
                    catalog: Tasks.makeCatalog(
                        calling: driver, credentials: credentials, running: programs,
                        lifetime: try configuration.runLimits.lifetime),
                    limits: try configuration.runLimits, calls: calls,
                    observe: { event in
                        if case .stepStarted(let type) = event { WorkerSeat.current?.show(SeriesKey(type)) }
                        observe(.engine(event))
                    }),
                in: database, showing: Scoreboard(in: memory), sealing: sealingKeys,
                sendNotifications: { try notifications.wake() },
                observe: { observe(.application($0)) }),
            observe: { observe(.worker($0)) })
        self.secrets = secrets
        startSecrets = {
            try secrets?.start(removingFrom: credentials, database) { error in
                observe(.application(.secretsUnavailable(reason: "\(error)")))
            }
        }
    }

    /// If it throws, some of the threads may already run, so the process should exit.
    func start() throws {
        try startSecrets()
        try worker.start()
    }

    /// To be called after `worker.ended` was signalled; throws as `Worker.finish` does.
    ///
    /// - Parameter limit: how long notifications that are due are still sent.
    func finish(sendingNotificationsFor limit: Duration = .zero) throws {
        defer {
            secrets?.stop()
            // Without the thread there is nothing to send with.
            if limit > .zero { try? notifications.wake() }
            notifications.stop(after: limit)
        }
        try worker.finish()
    }
}
