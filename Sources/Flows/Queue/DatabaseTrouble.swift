import Postgres
import Synchronization

/// What a process has seen of trouble with the database. A claim that ended because of it is no sign that the run
/// crashes its workers, so it does not count towards giving the run up.
final class DatabaseTrouble: Sendable {
    private struct State {
        /// The number of failures since a run last made progress.
        var failures = 0
        var last: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// How long leases may still expire as a consequence of trouble that has ended.
    private static let aftermath = Duration.seconds(2 * Lease.seconds)
    /// A statement of the queue that takes longer is trouble too, because leases may expire during it.
    private static let slowness = Duration.seconds(Lease.seconds / 2)
    private static let longestDelay = 60

    /// Calls `body`, which uses the queue, and records whether the database was in trouble.
    func watching<Value>(_ body: () throws -> Value) throws -> Value {
        let start = ContinuousClock.now
        do {
            let value = try body()
            if .now - start > Self.slowness { record(mayExpireLeases: true) }
            return value
        } catch let error as PostgresError where error.isDatabaseTrouble {
            record(mayExpireLeases: true)
            throw error
        }
    }

    /// - Parameter mayExpireLeases: whether leases may expire because of it. Otherwise runs that crash their workers
    ///   must be given up nevertheless, however often others meet a lock.
    func record(mayExpireLeases: Bool) {
        state.withLock {
            $0.failures += 1
            if mayExpireLeases { $0.last = .now }
        }
    }

    /// A run made progress.
    func end() {
        state.withLock { $0.failures = 0 }
    }

    /// Whether a lease that has expired may have expired because of the trouble.
    var isRecent: Bool {
        state.withLock { state in state.last.map { .now - $0 < Self.aftermath } ?? false }
    }

    /// The pause before a run that met the trouble is executed again: it doubles with each failure.
    var delay: Duration {
        .seconds(state.withLock { min(Self.longestDelay, 1 << min($0.failures, 10) / 2) })
    }
}
