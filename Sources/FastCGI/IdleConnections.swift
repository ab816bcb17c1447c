import Glibc
import Synchronization

/// The kept connections that wait for their next request, by descriptor. Without a lock, because every request takes a
/// connection and puts it back.
///
/// A connection is put in before it is armed in the epoll set, and belongs to the thread that takes it out. An event of
/// a connection that is not in here is ignored.
@safe
final class IdleConnections: @unchecked Sendable {
    enum Standing: UInt8 {
        /// Not idle in this pool.
        case absent
        /// Nothing is known about its peer yet.
        case untried
        /// It has carried a complete request of the web server.
        case proven
    }

    /// Connections with higher descriptors are not kept; the soft limit of nearly every process is lower.
    static let capacity = 65_536

    // Unchecked: the pointer never changes, and what it points to are atomics.
    private let standings: UnsafeMutablePointer<Atomic<UInt8>>

    init() {
        unsafe standings = .allocate(capacity: Self.capacity)
        for descriptor in 0..<Self.capacity {
            unsafe (standings + descriptor).initialize(to: Atomic(Standing.absent.rawValue))
        }
    }

    deinit {
        unsafe standings.deinitialize(count: Self.capacity)
        unsafe standings.deallocate()
    }

    /// Takes the connection, which then belongs to the caller, and returns what is known about it; `.absent` if it is
    /// not idle here.
    func take(_ descriptor: Int32) -> Standing {
        let former = unsafe standings[Int(descriptor)].exchange(
            Standing.absent.rawValue, ordering: .sequentiallyConsistent)
        return Standing(rawValue: former) ?? .absent
    }

    func put(_ descriptor: Int32, _ standing: Standing) {
        unsafe standings[Int(descriptor)].store(standing.rawValue, ordering: .sequentiallyConsistent)
    }

    /// The connections that are idle at this moment.
    var all: [Int32] {
        (0..<Int32(Self.capacity)).filter {
            unsafe standings[Int($0)].load(ordering: .sequentiallyConsistent) != Standing.absent.rawValue
        }
    }
}
