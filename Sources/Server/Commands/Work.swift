import App
import Flows
import Glibc
import SharedMemory
import System
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
        let (log, observe) = (observers.log, observers.observe)
        defer { log.close() }
        control.reopenLog = { log.reopen() }
        try AutoMigration.run(invocation, observe)
        let runs = try ExecutingThreads(
            invocation, try policy(configuration, exitsWhenIdle: invocation.arguments.contains("--once")),
            observers.memory.memory, observe)
        try runs.start()
        control.reportReady()
        while control.run(until: runs.worker.ended, adopt: { close($0) }) != .finished { runs.worker.stop() }
        try runs.finish()
    }

    /// Throws for every setting that is not valid.
    static func policy(_ configuration: Configuration, exitsWhenIdle: Bool = false) throws -> WorkerPolicy {
        WorkerPolicy(
            slots: try configuration.workerThreads, exitsWhenIdle: exitsWhenIdle, lease: Engine.leaseDuration)
    }
}
