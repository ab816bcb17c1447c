import App
import Postgres
import Process

/// What a worker removes beside its work: every so often what has expired, a batch in each of its keeper's rounds, so
/// that leases are renewed in time.
struct Housekeeping {
    private static let interval = Duration.seconds(600)

    private var next: Monotonic
    /// Tables that are still to be gone through this time.
    private var pending: ArraySlice<Pruning> = []

    /// Workers that start together do not clean together.
    init(from now: Monotonic) {
        next = now + Self.interval * Double.random(in: 0.1...1)
    }

    /// Does what is due, one statement at most.
    mutating func goOn(at now: Monotonic, on connection: Connection) throws {
        if pending.isEmpty, next <= now {
            pending = Pruning.all[...]
            next = now + Self.interval
        }
        guard let table = pending.first else { return }
        if try table.removeSome(on: connection) < Pruning.batch { pending.removeFirst() }
    }
}
