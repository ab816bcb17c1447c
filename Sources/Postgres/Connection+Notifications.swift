extension Connection {
    /// Makes the session receive the notifications of these channels, from now on until its connection ends.
    ///
    /// Earlier notifications do not arrive: read the state that they announce after this call, not before.
    /// - Throws: `SQLState.featureNotSupported` if `canListen` is false; `SQLState.activeTransaction` in a transaction,
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

    /// The notifications that have arrived since the last call, also during statements. Waits if there are none.
    ///
    /// - Parameters:
    ///   - limit: the maximum time to wait. After it, the result is empty.
    ///   - other: a descriptor that ends the wait when it becomes readable; nothing is read from it.
    /// - Throws: `connectionLost` when the session that listened has ended. Notifications may have been lost, and none
    ///   arrive until `listen` is called again. `SQLState.activeTransaction` in a transaction, where none can arrive.
    package func notifications(
        waiting limit: Duration, unlessReadable other: Int32? = nil
    ) throws(PostgresError) -> [Notification] {
        guard transaction == .none else { throw PostgresError(.server(.activeTransaction)) }
        guard let link, link.isListening else {
            throw PostgresError(.connectionLost, "the connection that listened has ended")
        }
        defer { settle(link) }
        return try link.notifications(before: .now + limit, unlessReadable: other)
    }
}
