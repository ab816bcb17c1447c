import Postgres
import Synchronization

/// The price list, cached by this process for at most a second.
final class RecentPrices: Sendable {
    private let known = Mutex<(list: PriceList, readAt: ContinuousClock.Instant)?>(nil)

    /// The list. Threads that arrive while another one reads it read it too.
    func recent(on connection: Connection) throws -> PriceList {
        let now = ContinuousClock.now
        if let known = known.withLock(\.self), now - known.readAt < .seconds(1) { return known.list }
        let list = try PriceList(on: connection)
        known.withLock { $0 = (list, now) }
        return list
    }
}
