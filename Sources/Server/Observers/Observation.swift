import App
import FastCGI
import Flows
import Postgres
import Programs
import Supervision
import WorkerPool

/// What happens in a process: what each module reports, and what only this one knows.
enum Observation: Sendable {
    case edge(FastCGIEvent)
    case application(ApplicationEvent)
    case engine(EngineEvent)
    case database(PostgresEvent)
    case worker(WorkerEvent)
    case program(ProgramEvent)
    case supervisor(SupervisorEvent)
    /// A password hash waited that long for a slot.
    case hashWaited(Duration)
    /// The settings file has names that no setting has.
    case settingsUnknown([String])
    /// The supervisor's shared memory cannot be used; this process uses that of a file.
    case sharedMemoryRefused(any Error)
    /// The file of the shared memory cannot be used; this process uses memory of its own, and counts calls in the
    /// database.
    case memoryFileRefused(folder: String, any Error)
    /// `AUTO_MIGRATE` has done that.
    case migrated(String)
    /// `AUTO_MIGRATE` has failed; the next process attempts it again.
    case notMigrated(any Error)
    /// The process cannot execute the runs that its calls wait for.
    case runsNotExecuted(any Error)
    /// The file of the listening socket had vanished or was replaced by a stale one; a new socket was bound.
    case socketRestored(path: String)
    /// The file of the listening socket is missing or another one, and no socket can be bound. Reported once a reason.
    case socketNotRestored(path: String, any Error)
    /// The lock of the installation was removed, and another supervisor has acquired it.
    case installationLost(lock: String)
    /// The ends of runs that calls wait for cannot be read. Reported once, until they can.
    case completionsUnavailable(any Error)
    /// So many streams of events more or fewer are open.
    case eventStreams(Int)
    case eventsDelivered(Int)
    /// A stream was closed because its client took nothing.
    case eventReaderTooSlow
    /// Events cannot be read. Reported once, until they can.
    case eventsUnavailable(any Error)
}

/// Receives every observation of a process, on any thread.
typealias Observer = @Sendable (Observation) -> Void

extension PostgresConfiguration {
    /// The same configuration, with connections that report to the observer.
    func observed(by observe: @escaping Observer) -> PostgresConfiguration {
        var configuration = self
        configuration.observe = { observe(.database($0)) }
        return configuration
    }
}
