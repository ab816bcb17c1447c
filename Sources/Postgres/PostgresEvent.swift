/// What happens to a client's connections, for its observer.
package enum PostgresEvent: Sendable, Equatable {
    case connectionOpened
    /// The connection ended or became unusable. One that the client itself closes is not lost.
    case connectionLost
}
