import CFastCGI
import Glibc
import System

/// The epoll set that all threads of a pool wait on. It includes the signal that ends them.
///
/// Each call of `wait` takes one event: the next idle thread serves it, and no connection waits for a busy thread.
final class EventSet: Sendable {
    struct Event {
        let descriptor: Int32
        /// The peer has closed its end, or the connection is broken; a last request may still be readable.
        let hasEnded: Bool
        /// The parking slot, if the connection of a parked exchange is watched for its end; 0 for all others.
        let slot: UInt32
    }

    private let epoll: Int32
    private let end: WakeUp

    init() throws(FastCGIError) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw .system(call: "epoll_create1", code: errno) }
        do {
            end = try .make()
        } catch {
            close(epoll)
            throw error
        }
        arm(endDescriptor)
    }

    deinit {
        close(epoll)
    }

    /// The descriptor that `wait` returns after a call of `signalEnd`.
    var endDescriptor: Int32 { end.descriptor }

    /// Waits for one ready descriptor; nil after the timeout (in milliseconds; -1: no limit).
    func wait(milliseconds: Int32 = -1) -> Event? {
        var event = unsafe epoll_event()
        while true {
            let count = unsafe epoll_wait(epoll, &event, 1, milliseconds)
            if count == 1 {
                let end = EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue
                let data = unsafe event.data.u64
                return unsafe Event(
                    descriptor: Int32(truncatingIfNeeded: data), hasEnded: event.events & end != 0,
                    slot: UInt32(truncatingIfNeeded: data >> 32))
            }
            if count == 0 || errno != EINTR { return nil }
        }
    }

    /// Reports the descriptor once, to one thread, when it is readable or closed by its peer.
    func arm(_ descriptor: Int32) {
        let events = EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLONESHOT.rawValue
        if !control(EPOLL_CTL_MOD, descriptor, events) { _ = control(EPOLL_CTL_ADD, descriptor, events) }
    }

    /// Reports the descriptor once, to one thread, when its peer closes it or shuts down its sending side. Data that
    /// arrives before stays unread.
    func watchEnd(of descriptor: Int32, slot: UInt32) {
        let events = EPOLLRDHUP.rawValue | EPOLLONESHOT.rawValue
        if !control(EPOLL_CTL_MOD, descriptor, events, slot) {
            _ = control(EPOLL_CTL_ADD, descriptor, events, slot)
        }
    }

    /// Reports a listening socket as long as connections wait. Of several processes that share it, the kernel wakes
    /// only some.
    func addListener(_ descriptor: Int32) -> Bool {
        control(EPOLL_CTL_ADD, descriptor, EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue)
    }

    func remove(_ descriptor: Int32) {
        _ = control(EPOLL_CTL_DEL, descriptor, 0)
    }

    /// Wakes one waiting thread, which arms the descriptor again before it ends; that wakes the next one.
    func signalEnd() {
        end.signal()
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ events: UInt32, _ slot: UInt32 = 0) -> Bool {
        let data = UInt64(slot) << 32 | UInt64(UInt32(bitPattern: descriptor))
        var event = unsafe epoll_event(events: events, data: epoll_data_t(u64: data))
        return unsafe epoll_ctl(epoll, operation, descriptor, &event) == 0
    }
}
