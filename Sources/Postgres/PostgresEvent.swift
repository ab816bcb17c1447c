/// What happens to a client's connections, for its observer.
package enum PostgresEvent: Sendable, Equatable {
    case connectionOpened
    /// The connection ended or became unusable. One that the client itself closes is not lost.
    case connectionLost
    /// Waits for the database have failed: this statement is refused at once from now on, and later perhaps others.
    case waitsRefused(statement: String)
    /// No statement is refused any more.
    case waitsAccepted
}
