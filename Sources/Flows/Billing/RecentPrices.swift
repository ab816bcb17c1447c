import Postgres
import Synchronization

/// The price list, cached by this process for at most a second.
final class RecentPrices: Sendable {
    private let known = Mutex<(list: PriceList, readAt: Int64)?>(nil)

    /// The list; `now` is in seconds since 1970. Threads that arrive while another one reads it read it too.
    func recent(now: Int64, on connection: Connection) throws -> PriceList {
        if let known = known.withLock(\.self), known.readAt == now { return known.list }
        let list = try PriceList(on: connection)
        known.withLock { $0 = (list, now) }
        return list
    }
}
