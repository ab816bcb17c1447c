import App
import Flows
import Glibc
import HTTPClient
import Postgres
import Programs
import System
import SharedMemory
import Supervision
import WorkerPool

/// `work`: executes queued runs until the process is stopped. `work --once` executes the runs that are due and exits,
/// for cron on hosts that permit no long-running processes.
enum Work {
    static let forms = [CommandForm(arguments: "[--once]", summary: "Execute the runs that are due, then exit")]

    static func run(_ invocation: Invocation) throws {
        guard invocation.words(flags: ["--once"]).isEmpty else { throw UsageError("work", forms) }
        // First of all: it blocks signals, and threads inherit the signal mask of the thread that starts them.
        let control = try ChildControl(environment: invocation.environment)
        Scheduling.useBatchScheduling()
        let configuration = invocation.configuration
        if let bytes = try configuration.processMemory { ProcessMemory.limit(to: bytes) }
        let observers = try Observers(invocation, as: .worker)
        let (log, memory, observe) = (observers.log, observers.memory.memory, observers.observe)
        defer { log.close() }
        control.reopenLog = { log.reopen() }
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
                policy, adoptsOrphans: true, watch: { driver.whenReadable($0, $1) },
                observe: { observe(.program($0)) })
        }
        let sealingKeys = try configuration.sealingKeys
        let secrets = try configuration.useDBSecrets ? nil : SecretsThread()
        let credentials = try Respond.credentials(configuration, later: secrets?.add, observe)
        let worker = try Worker(
            policy: try policy(configuration, exitsWhenIdle: invocation.arguments.contains("--once")),
            queue: WorkerQueue(
                of: Engine(
                    catalog: Tasks.makeCatalog(
                        calling: driver, credentials: credentials, running: programs),
                    limits: try configuration.runLimits, calls: calls,
                    observe: { event in
                        if case .stepStarted(let type) = event { WorkerSeat.current?.show(SeriesKey(type)) }
                        observe(.engine(event))
                    }),
                in: database, showing: Scoreboard(in: memory), sealing: sealingKeys,
                report: { observe(.application(.sealingKeyMissing($0))) }),
            observe: { observe(.worker($0)) })
        try secrets?.start(removingFrom: credentials, database) { error in
            observe(.application(.secretsUnavailable(reason: "\(error)")))
        }
        defer { secrets?.stop() }
        try worker.start()
        control.reportReady()
        while control.run(until: worker.ended, adopt: { close($0) }) != .finished { worker.stop() }
        try worker.finish()
    }

    /// Throws for every setting that is not valid.
    static func policy(_ configuration: Configuration, exitsWhenIdle: Bool = false) throws -> WorkerPolicy {
        WorkerPolicy(
            slots: try configuration.workerThreads, exitsWhenIdle: exitsWhenIdle, lease: Engine.leaseDuration)
    }
}
