extension Connection {
    /// Lets the session receive what is notified on these channels from now on, until its connection ends.
    ///
    /// Whatever was to be learnt before has to be looked up after this, not before.
    /// - Throws: `SQLState.featureNotSupported` where `canListen` is false; `SQLState.activeTransaction` in a transaction,
    ///   which could still be rolled back.
    package func listen(to channels: [String]) throws(PostgresError) {
        guard configuration.canListen else { throw PostgresError(.server(.featureNotSupported)) }
        guard transaction == .none else { throw PostgresError(.server(.activeTransaction)) }
        guard !channels.isEmpty else { return }
        try pipeline(
            channels.map { channel in
                let name = channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
                return "LISTEN \"\(unsafeRaw: name)\""
            })
        link?.isListening = true
    }

    /// The notifications that have come since the last call, also during statements; waits where there are none.
    ///
    /// - Parameters:
    ///   - limit: how long to wait. After it, the result is empty.
    ///   - bell: a descriptor that ends the wait early when it becomes readable; it is only looked at.
    /// - Throws: `connectionLost` when the session that listened has ended. Notifications may have been missed, and none
    ///   will come before `listen` is called again. `SQLState.activeTransaction` in a transaction, where none can come.
    package func notifications(
        waiting limit: Duration, unlessReadable bell: Int32? = nil
    ) throws(PostgresError) -> [Notification] {
        guard transaction == .none else { throw PostgresError(.server(.activeTransaction)) }
        guard let link, link.isListening else {
            throw PostgresError(.connectionLost, "the connection that listened has ended")
        }
        defer { settle(link) }
        return try link.notifications(before: .now + limit, unlessReadable: bell)
    }
}
