import App
import Flows
import Glibc
import Postgres
import Process
import Supervision
import Working

/// `work`: carries out what was queued, until it is told to leave. `work --once`: what is due now, for cron where
/// nothing may stay running.
enum Work {
    static func run(_ invocation: Invocation) throws {
        guard invocation.words(flags: ["--once"]).isEmpty else { throw UsageError("work [--once]") }
        // First of all: it blocks the signals that every later thread is to inherit blocked.
        let control = try ChildControl(environment: invocation.environment)
        Scheduling.finishOthersFirst()
        let configuration = invocation.configuration
        let log = try Log(file: configuration.logFile)
        let worker = try Worker(
            policy: try policy(configuration, isDraining: invocation.arguments.contains("--once")),
            queue: WorkerQueue(
                of: Runs(flows: FlowCache(catalog: Tasks.catalog), most: try configuration.runsOfUser),
                in: try configuration.database),
            observe: { log.write($0) })
        try worker.start()
        control.reportReady()
        while control.run(until: worker.ended, adopt: { close($0) }) != .finished { worker.leave() }
        try worker.finish()
    }

    /// Throws for every setting that cannot be used.
    static func policy(_ configuration: Configuration, isDraining: Bool = false) throws -> WorkerPolicy {
        WorkerPolicy(
            hands: try configuration.workerThreads, isDraining: isDraining, lease: .seconds(Flows.Lease.seconds))
    }
}
