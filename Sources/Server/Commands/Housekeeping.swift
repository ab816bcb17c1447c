import App
import Postgres
import System

/// A worker's periodic deletion of expired rows. Each round of its lease keeper deletes one batch at most, so that
/// leases are renewed in time.
struct Housekeeping {
    private static let interval = Duration.seconds(600)

    private var next: Monotonic
    /// The tables that the current pass has still to prune.
    private var pending: ArraySlice<Pruning> = []

    /// The first pass starts after a random delay, so that workers that start together do not prune together.
    init(from now: Monotonic) {
        next = now + Self.interval * Double.random(in: 0.1...1)
    }

    /// Executes the next statement, if one is due.
    mutating func runNext(at now: Monotonic, on connection: Connection) throws {
        if pending.isEmpty, next <= now {
            pending = Pruning.all[...]
            next = now + Self.interval
        }
        guard let table = pending.first else { return }
        if try table.removeSome(on: connection) < Pruning.batch { pending.removeFirst() }
    }
}
