import CPostgres
import Glibc
import System

extension Link {
    /// The notifications that have arrived. If there are none, waits for the first, until the deadline or until the
    /// descriptor becomes readable.
    ///
    /// - Throws: `connectionLost`; the link is then unusable.
    func notifications(
        before deadline: ContinuousClock.Instant, unlessReadable other: Int32?
    ) throws(PostgresError) -> [Notification] {
        var descriptors = [unsafe pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)]
        if let other { descriptors.append(pollfd(fd: other, events: Int16(POLLIN), revents: 0)) }
        while true {
            let received = takeNotifications()
            guard received.isEmpty else { return received }
            let left = max(.zero, deadline - .now)
            let ready = unsafe poll(&descriptors, nfds_t(descriptors.count), left.pollTimeout)
            guard ready > 0 else {
                guard left > .zero else { return [] }
                continue
            }
            if descriptors[0].revents != 0 {
                guard unsafe PQconsumeInput(handle) == 1 else {
                    throw invalidate(PostgresError(.connectionLost, message))
                }
            }
            if descriptors.dropFirst().contains(where: { $0.revents != 0 }) { return takeNotifications() }
        }
    }

    /// The notifications that libpq has read, during a wait or with the results of statements.
    private func takeNotifications() -> [Notification] {
        var received: [Notification] = []
        while let next = unsafe PQnotifies(handle) {
            unsafe received.append(
                Notification(
                    channel: String(cString: next.pointee.relname), payload: String(cString: next.pointee.extra)))
            unsafe PQfreemem(next)
        }
        return received
    }
}
