import Glibc
import Synchronization

/// The kept connections that wait for their next request, by descriptor. Without a lock, because every request takes a
/// connection and puts it back.
///
/// A connection is put in before it is armed in the epoll set, and belongs to the thread that takes it out. An event of
/// a connection that is not idle is ignored.
@safe
final class IdleConnections: @unchecked Sendable {
    enum State: UInt8 {
        /// Not idle in this pool.
        case notIdle
        /// Idle, and it has not carried a request of the web server yet.
        case unverified
        /// Idle, and it has carried a complete request of the web server.
        case verified
    }

    /// Connections with higher descriptors are not kept; the soft limit of nearly every process is lower.
    static let capacity = 65_536

    // Unchecked: the pointer never changes, and what it points to are atomics.
    private let states: UnsafeMutablePointer<Atomic<UInt8>>

    init() {
        unsafe states = .allocate(capacity: Self.capacity)
        for descriptor in 0..<Self.capacity {
            unsafe (states + descriptor).initialize(to: Atomic(State.notIdle.rawValue))
        }
    }

    deinit {
        unsafe states.deinitialize(count: Self.capacity)
        unsafe states.deallocate()
    }

    /// Takes the connection, which then belongs to the caller, and returns its state; `.notIdle` if another thread has
    /// it.
    func take(_ descriptor: Int32) -> State {
        let former = unsafe states[Int(descriptor)].exchange(
            State.notIdle.rawValue, ordering: .sequentiallyConsistent)
        return State(rawValue: former) ?? .notIdle
    }

    func put(_ descriptor: Int32, _ state: State) {
        unsafe states[Int(descriptor)].store(state.rawValue, ordering: .sequentiallyConsistent)
    }

    /// The connections that are idle at this moment.
    var all: [Int32] {
        (0..<Int32(Self.capacity)).filter {
            unsafe states[Int($0)].load(ordering: .sequentiallyConsistent) != State.notIdle.rawValue
        }
    }
}
