import CPostgres
import Glibc
import System

extension Link {
    /// A `PGconn` after its attempt to connect, successful or not.
    ///
    /// Of several hosts, only libpq's own loop tries the next one when one is silent; so these are waited for without
    /// the limit of waits.
    ///
    /// - Parameter limit: if it is earlier than the timeout, it ends the wait.
    static func connect(
        _ configuration: PostgresConfiguration, before limit: ContinuousClock.Instant?
    ) throws(PostgresError) -> OpaquePointer {
        let timeout = configuration.connectTimeout
        let left = min(timeout, limit.map { $0 - .now } ?? timeout)
        var configuration = configuration
        // Whole seconds; libpq takes 1 for 2.
        if left < timeout { configuration["connect_timeout"] = "\(max(1, left.components.seconds))" }
        let parameters = configuration.connectionParameters
        let keywords = unsafe parameters.map { unsafe strdup($0.keyword) } + [nil]
        let values = unsafe parameters.map { unsafe strdup($0.value) } + [nil]
        defer { unsafe (keywords + values).forEach { unsafe free($0) } }
        let names = unsafe keywords.map { unsafe UnsafePointer($0) }
        let texts = unsafe values.map { unsafe UnsafePointer($0) }
        guard let waitLimit = configuration.waitLimit, !configuration.namesSeveralHosts else {
            guard let handle = unsafe PQconnectdbParams(names, texts, 0) else { throw outOfMemory }
            return unsafe handle
        }
        try waitLimit.admit([WaitLimit.connecting])
        guard let handle = unsafe PQconnectStartParams(names, texts, 0) else { throw outOfMemory }
        var patience = Patience(waitLimit)
        let isInTime = unsafe finish(handle, before: .now + left, &patience)
        patience.end(for: WaitLimit.connecting, hasTimedOut: !isInTime && left == timeout)
        guard isInTime else {
            unsafe PQfinish(handle)
            throw PostgresError(.connectionUnavailable, "the server did not answer in time")
        }
        waitLimit.succeed([WaitLimit.connecting])
        return unsafe handle
    }

    private static let outOfMemory = PostgresError(.connectionUnavailable, "out of memory")

    /// Waits until the connection is open or has failed; false if it is neither in time.
    private static func finish(
        _ handle: OpaquePointer, before deadline: ContinuousClock.Instant, _ patience: inout Patience
    ) -> Bool {
        var progress = PGRES_POLLING_WRITING
        while progress == PGRES_POLLING_READING || progress == PGRES_POLLING_WRITING {
            guard unsafe PQstatus(handle) != CONNECTION_BAD else { return true }
            let left = deadline - .now
            guard left > .zero else { return false }
            let (timeout, pause) = (left.pollTimeout, patience.pause)
            let events = Int16(progress == PGRES_POLLING_READING ? POLLIN : POLLOUT)
            var descriptor = unsafe pollfd(fd: PQsocket(handle), events: events, revents: 0)
            let ready = unsafe poll(&descriptor, 1, min(timeout, pause))
            if ready > 0 {
                progress = unsafe PQconnectPoll(handle)
            } else if ready == 0, pause < timeout, !patience.goOn(for: WaitLimit.connecting) {
                return false
            }
        }
        return true
    }
}
