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
        let isOnce = invocation.arguments.contains("--once")
        let runs = try ExecutingThreads(
            invocation, try policy(configuration, exitsWhenIdle: isOnce),
            observers.memory.memory, observe)
        try runs.start()
        control.reportReady()
        var isStopped = false
        while control.run(until: runs.worker.ended, adopt: { close($0) }) != .finished {
            isStopped = true
            runs.worker.stop()
        }
        try runs.finish(sendingNotificationsFor: isOnce && !isStopped ? sendingLimit : .zero)
    }

    /// Cron may start the next process a minute after this one.
    private static let sendingLimit = Duration.seconds(40)

    /// Throws for every setting that is not valid.
    static func policy(_ configuration: Configuration, exitsWhenIdle: Bool = false) throws -> WorkerPolicy {
        WorkerPolicy(
            slots: try configuration.workerThreads, exitsWhenIdle: exitsWhenIdle, lease: Engine.leaseDuration)
    }
}
