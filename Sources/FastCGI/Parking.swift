import CFastCGI
import Glibc
import HTTP
import Synchronization

/// The parked exchanges of a process: how many there are, and which of them still wait for a response.
///
/// Slots have numbers of their own, because another connection may have the descriptor by the time an event is handled.
final class Parking: Sendable {
    private struct Place {
        let parked: Parked
        let otherwise: Response
    }

    private struct State {
        var places: [UInt32: Place] = [:]
        var lastNumber: UInt32 = 0
        /// Includes exchanges that are being answered: one counts until its connection is kept, handed over or closed.
        var count = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let capacity: Int
    /// An eventfd that becomes readable when the last exchange has ended after `close`.
    private let emptied: Int32

    init(capacity: Int) throws(FastCGIError) {
        var descriptors = rlimit()
        let isLimited = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &descriptors) == 0
        self.capacity = isLimited ? min(capacity, Int(clamping: descriptors.rlim_cur / 2)) : capacity
        emptied = eventfd(0, Int32(EFD_CLOEXEC))
        guard emptied >= 0 else { throw .system(call: "eventfd", code: errno) }
    }

    deinit {
        Glibc.close(emptied)
    }

    /// Reserves a slot until `vacate`, and returns its number; nil if no slot is free or parking has closed.
    func reserve() -> UInt32? {
        state.withLock {
            guard !$0.isClosed, $0.count < capacity else { return nil }
            $0.count += 1
            // The epoll set uses 0 for "no slot".
            $0.lastNumber = max(1, $0.lastNumber &+ 1)
            return $0.lastNumber
        }
    }

    /// Puts an exchange into its slot, where it waits; false when it must be answered at once, because parking has
    /// closed.
    ///
    /// `arm` starts watching for the peer's end. It runs under the lock, so that no other thread ends the exchange and
    /// closes its connection before it is done.
    func put(_ parked: Parked, at number: UInt32, otherwise: Response, arm: () -> Void) -> Bool {
        state.withLock {
            guard !$0.isClosed else { return false }
            $0.places[number] = Place(parked: parked, otherwise: otherwise)
            arm()
            return true
        }
    }

    /// The exchange in the slot, if it still waits.
    func parked(at number: UInt32) -> Parked? {
        state.withLock { $0.places[number]?.parked }
    }

    /// Empties the slot of an exchange that is being ended. A later event of its connection is ignored.
    func remove(_ number: UInt32) {
        _ = state.withLock { $0.places.removeValue(forKey: number) }
    }

    /// Frees the slot, after the exchange has ended and its connection was kept, handed over or closed.
    func vacate() {
        let isLast = state.withLock {
            $0.count -= 1
            return $0.isClosed && $0.count == 0
        }
        if isLast { eventfd_write(emptied, 1) }
    }

    /// Accepts no more exchanges, answers all that wait with their `otherwise` response, and returns when every one has
    /// ended.
    func close() {
        let places = state.withLock {
            $0.isClosed = true
            return $0.places.values.map(\.self)
        }
        for place in places { place.parked.answer(place.otherwise) }
        var value: eventfd_t = 0
        while state.withLock({ $0.count > 0 }) { unsafe eventfd_read(emptied, &value) }
    }
}
