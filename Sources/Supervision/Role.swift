/// What a supervised process is there for.
package enum Role: String, CaseIterable, Sendable {
    /// Serves the connections of the listening socket, which is its descriptor 0.
    case responder
    /// Carries out what was queued; it has no socket.
    case worker
}
