/// The role of a supervised process.
package enum Role: String, CaseIterable, Sendable {
    /// Serves the connections of the listening socket, which is descriptor 0.
    case responder
    /// Executes queued runs; it has no socket.
    case worker
}
