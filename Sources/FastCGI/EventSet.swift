import CFastCGI
import Glibc

/// The epoll set that all threads of a pool wait on, with a bell in it that wakes them to leave.
///
/// Each call of `wait` takes one event, so threads share work as it comes and none holds a second connection back.
final class EventSet: Sendable {
    struct Event {
        let descriptor: Int32
        /// The peer has closed its end, or the connection broke; a last request may be on it all the same.
        let hasEnded: Bool
        /// The number under which a parked exchange's connection is watched for its end; 0 for all others.
        let place: UInt32
    }

    private let epoll: Int32
    /// The eventfd that `wait` returns once `ring` was called.
    let bell: Int32

    init() throws(FastCGIError) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw .system(call: "epoll_create1", code: errno) }
        bell = eventfd(0, Int32(EFD_CLOEXEC))
        guard bell >= 0 else {
            let code = errno
            close(epoll)
            throw .system(call: "eventfd", code: code)
        }
        arm(bell)
    }

    deinit {
        close(bell)
        close(epoll)
    }

    /// Waits for one ready descriptor; nil when none became ready in time (milliseconds, -1 for no limit).
    func wait(milliseconds: Int32 = -1) -> Event? {
        var event = unsafe epoll_event()
        while true {
            let count = unsafe epoll_wait(epoll, &event, 1, milliseconds)
            if count == 1 {
                let end = EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue
                let data = unsafe event.data.u64
                return unsafe Event(
                    descriptor: Int32(truncatingIfNeeded: data), hasEnded: event.events & end != 0,
                    place: UInt32(truncatingIfNeeded: data >> 32))
            }
            if count == 0 || errno != EINTR { return nil }
        }
    }

    /// Reports the descriptor once, to one thread, when it is readable or closed by its peer.
    func arm(_ descriptor: Int32) {
        let events = EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLONESHOT.rawValue
        if !control(EPOLL_CTL_MOD, descriptor, events) { _ = control(EPOLL_CTL_ADD, descriptor, events) }
    }

    /// Reports the descriptor once, to one thread, when its peer has closed it, be it only for sending; whatever else
    /// comes on it before is left there.
    func watchEnd(of descriptor: Int32, place: UInt32) {
        let events = EPOLLRDHUP.rawValue | EPOLLONESHOT.rawValue
        if !control(EPOLL_CTL_MOD, descriptor, events, place) {
            _ = control(EPOLL_CTL_ADD, descriptor, events, place)
        }
    }

    /// Reports a listening socket as long as connections wait; of several processes sharing it only some are woken.
    func addListener(_ descriptor: Int32) -> Bool {
        control(EPOLL_CTL_ADD, descriptor, EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue)
    }

    func remove(_ descriptor: Int32) {
        _ = control(EPOLL_CTL_DEL, descriptor, 0)
    }

    /// Lets one waiting thread see the bell, which rings the next one out by arming the bell again.
    func ring() {
        eventfd_write(bell, 1)
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ events: UInt32, _ place: UInt32 = 0) -> Bool {
        let data = UInt64(place) << 32 | UInt64(UInt32(bitPattern: descriptor))
        var event = unsafe epoll_event(events: events, data: epoll_data_t(u64: data))
        return unsafe epoll_ctl(epoll, operation, descriptor, &event) == 0
    }
}
