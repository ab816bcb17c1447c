import Glibc

/// Waits until at least one of `descriptors` is readable or closed by its peer, and returns those that are.
///
/// Empty when `deadline` passed first, or when a signal handler ran: the caller checks the clock and calls again.
package func readable(among descriptors: [Int32], until deadline: Monotonic?) -> [Int32] {
    ready(descriptors, for: POLLIN, until: deadline)
}

/// Whether a write to `descriptor` becomes possible, or fails at once because its peer has closed it, before
/// `deadline`.
package func isWritable(_ descriptor: Int32, until deadline: Monotonic) -> Bool {
    !ready([descriptor], for: POLLOUT, until: deadline).isEmpty
}

private func ready(_ descriptors: [Int32], for events: Int32, until deadline: Monotonic?) -> [Int32] {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(events), revents: 0) }
    let timeout = deadline.map { ($0 - .now).pollTimeout } ?? -1
    guard unsafe poll(&entries, nfds_t(entries.count), timeout) > 0 else { return [] }
    return entries.filter { $0.revents != 0 }.map(\.fd)
}
