import Glibc

extension Listener {
    /// Refuses new connections, for all processes that share the socket. Those that wait can still be accepted.
    package func refuseConnections() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Whether a process has called `refuseConnections`.
    var refusesConnections: Bool {
        var state = pollfd(fd: descriptor, events: 0, revents: 0)
        return unsafe poll(&state, 1, 0) == 1 && Int32(state.revents) & POLLHUP != 0
    }
}
