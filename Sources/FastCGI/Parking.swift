import CFastCGI
import Glibc
import HTTP
import Synchronization

/// The exchanges of a process whose answers come later: how many there are, and which of them still wait.
///
/// Their places have numbers of their own: a descriptor's may be another connection's by the time an event is looked at.
final class Parking: Sendable {
    private struct Place {
        let parked: Parked
        let otherwise: Response
    }

    private struct State {
        var places: [UInt32: Place] = [:]
        var lastNumber: UInt32 = 0
        /// Also those that are being answered: an exchange counts until its connection is kept, given away or closed.
        var count = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let capacity: Int
    /// An eventfd that is readable once the last exchange has ended after `close`.
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

    /// The number of a place, which counts until `vacate`; nil where there is none left.
    func reserve() -> UInt32? {
        state.withLock {
            guard !$0.isClosed, $0.count < capacity else { return nil }
            $0.count += 1
            // 0 is no place to the epoll set.
            $0.lastNumber = max(1, $0.lastNumber &+ 1)
            return $0.lastNumber
        }
    }

    /// Puts an exchange in its place and lets it wait; false when it has to be answered at once after all.
    ///
    /// `arm` begins to watch for the peer's end. Until it is done nobody can end the exchange and close its connection.
    func put(_ parked: Parked, at number: UInt32, otherwise: Response, arm: () -> Void) -> Bool {
        state.withLock {
            guard !$0.isClosed else { return false }
            $0.places[number] = Place(parked: parked, otherwise: otherwise)
            arm()
            return true
        }
    }

    /// The exchange in that place, if it still waits.
    func parked(at number: UInt32) -> Parked? {
        state.withLock { $0.places[number]?.parked }
    }

    /// The exchange is being ended: an event that its connection still brings is nobody's.
    func remove(_ number: UInt32) {
        _ = state.withLock { $0.places.removeValue(forKey: number) }
    }

    /// The exchange has ended, and its connection has gone its way.
    func vacate() {
        let isLast = state.withLock {
            $0.count -= 1
            return $0.isClosed && $0.count == 0
        }
        if isLast { eventfd_write(emptied, 1) }
    }

    /// Lets none in any more, answers all that wait with what they have for this, and returns when every one has ended.
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
