/// What happens to a client's connections, for its observer.
package enum PostgresEvent: Sendable, Equatable {
    case connectionOpened
    /// The connection ended or became unusable. One that the client itself closes is not lost.
    case connectionLost
    /// The client has closed the connection.
    case connectionClosed
    /// A batch of statements was answered.
    case roundTrip
    /// A batch of statements has failed, or an attempt to connect. `sqlClass` is the first two characters of the
    /// SQLSTATE; nil if there is none, because the database was not available.
    case failed(sqlClass: String?)
    /// Waits for the database have failed: this statement is refused at once from now on, and later perhaps others.
    case waitsRefused(statement: String)
    /// No statement is refused any more.
    case waitsAccepted
}
