import Glibc
import Synchronization

/// Which kept connections wait for their next request, by descriptor; taken and given back without a lock, as this
/// happens with every request.
///
/// A connection is put in before it is armed in the epoll set, and belongs to whoever takes it out: an event of one that
/// is not in here is nobody's, and is passed over.
@safe
final class IdleConnections: @unchecked Sendable {
    enum Standing: UInt8 {
        /// Not idle here.
        case absent
        /// Nothing is known of its peer yet.
        case untried
        /// It has carried a whole request of the web server's.
        case proven
    }

    /// Descriptors above are not kept; the soft limit of a process is lower nearly everywhere.
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

    /// What was known of the connection, which is the caller's now; `.absent` if it is not.
    func take(_ descriptor: Int32) -> Standing {
        let former = unsafe standings[Int(descriptor)].exchange(
            Standing.absent.rawValue, ordering: .sequentiallyConsistent)
        return Standing(rawValue: former) ?? .absent
    }

    func put(_ descriptor: Int32, _ standing: Standing) {
        unsafe standings[Int(descriptor)].store(standing.rawValue, ordering: .sequentiallyConsistent)
    }

    /// Those that are idle at this moment.
    var all: [Int32] {
        (0..<Int32(Self.capacity)).filter {
            unsafe standings[Int($0)].load(ordering: .sequentiallyConsistent) != Standing.absent.rawValue
        }
    }
}
