import CFastCGI
import Glibc
import Synchronization
import System

/// Accepts connections from the listening socket: checks the peer's user id and sets the socket's timeouts.
final class Acceptor: Sendable {
    let listener: Listener
    private let events: EventSet
    private let settings: FastCGISettings
    private let observe: @Sendable (FastCGIEvent) -> Void
    private let state = Mutex(State.ended)

    private enum State { case open, paused, ended }

    /// Errors after which the next connection can be accepted.
    private static let passing = [EAGAIN, EINTR, ECONNABORTED, EPROTO]

    init(
        listener: Listener, events: EventSet, settings: FastCGISettings,
        observe: @escaping @Sendable (FastCGIEvent) -> Void
    ) {
        self.listener = listener
        self.events = events
        self.settings = settings
        self.observe = observe
    }

    func begin() {
        open(after: .ended)
    }

    /// Resumes accepting after a pause; does nothing in any other state.
    func resume() {
        open(after: .paused)
    }

    func end() {
        state.withLock {
            events.remove(listener.descriptor)
            $0 = .ended
        }
    }

    /// A new connection; nil when another thread accepted it first or the peer is refused.
    func accept() -> Int32? {
        let descriptor = accept4(listener.descriptor, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
        guard descriptor >= 0 else {
            let code = errno
            // Nothing is left to accept on a socket that refuses connections.
            if code == EINVAL { end() } else if !Self.passing.contains(code) { pause(code) }
            return nil
        }
        if let allowed = settings.allowedPeers {
            let user = peerUser(descriptor)
            guard allowed.contains(user) else {
                observe(.peerRefused(user: user))
                close(descriptor)
                return nil
            }
        }
        if listener.isTCP, !admitClient(descriptor) {
            close(descriptor)
            return nil
        }
        limitSilence(of: descriptor)
        limitSilence(of: descriptor, SO_SNDTIMEO)
        return descriptor
    }

    /// The connections that still wait, if no further ones can come.
    func acceptRest() -> [Int32] {
        var accepted: [Int32] = []
        while listener.refusesConnections, let descriptor = accept() { accepted.append(descriptor) }
        return accepted
    }

    /// Accepts from `socket` from now on, under the descriptor of the present socket, and closes `socket`. Returns the
    /// connections that waited at the present one.
    func replaceSocket(by socket: Int32) -> [Int32] {
        var waiting: [Int32] = []
        while let descriptor = accept() { waiting.append(descriptor) }
        state.withLock {
            if $0 == .open { events.remove(listener.descriptor) }
            dup2(socket, listener.descriptor)
            // Not in one step, as in Linux's dup3, because a responder starts no process that could inherit it.
            _ = fcntl(listener.descriptor, F_SETFD, FD_CLOEXEC)
            close(socket)
            // The pool's timer retries.
            if $0 == .open, !events.addListener(listener.descriptor) { $0 = .paused }
        }
        return waiting
    }

    private func open(after expected: State) {
        state.withLock {
            if $0 == expected, events.addListener(listener.descriptor) { $0 = .open }
        }
    }

    /// Without free descriptors the listening socket stays ready and all threads would spin. So it is removed from the
    /// epoll set until the pool's timer resumes it.
    private func pause(_ code: Int32) {
        let isNew = state.withLock { state in
            guard state == .open else { return false }
            events.remove(listener.descriptor)
            state = .paused
            return true
        }
        if isNew { observe(.acceptPaused(code: code)) }
    }

    /// Whether the client may connect. Its small records are then sent without delay.
    private func admitClient(_ descriptor: Int32) -> Bool {
        // It may have left already.
        guard let address = clientAddress(of: descriptor) else { return false }
        if let allows = settings.allowsClient, !allows(address) {
            observe(.clientRefused(address: address))
            return false
        }
        var isOn: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, size)
        return true
    }

    /// The user id of the process at the other end of a unix socket; `UInt32.max` if it is unknown.
    private func peerUser(_ descriptor: Int32) -> UInt32 {
        var credentials = peer_credentials(pid: 0, uid: .max, gid: .max)
        var size = socklen_t(MemoryLayout<peer_credentials>.size)
        unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size)
        return credentials.uid
    }

    /// Limits how long the peer may be silent (`SO_RCVTIMEO`) or leave a response unread (`SO_SNDTIMEO`); nil: as the
    /// settings say. An accepted socket does not inherit these timeouts from a listening unix socket.
    func limitSilence(of descriptor: Int32, _ option: Int32 = SO_RCVTIMEO, to limit: Duration? = nil) {
        var limit = (limit ?? settings.silenceLimit).timeval
        unsafe setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
}
