/// What happened at the FastCGI edge besides requests that were answered as they should be.
///
/// Ids are the web server's request ids, empty where none was sent.
package enum FastCGIEvent: Sendable, Equatable {
    /// A peer whose user id may not connect; the connection was closed.
    case peerRefused(user: UInt32)
    /// The connection did not begin with the request of a responder and was closed.
    case strayPeer
    /// libfcgi could not read a request's params: malformed records, a silent peer or one that left.
    case requestUnreadable
    /// The request lacked the secret of the web server; nothing was executed, the connection was closed.
    case gateRefused
    /// The request was not whole after the read deadline; its connection was cut.
    case deadlinePassed
    /// The request was refused before any handler saw it.
    case rejected(reason: Rejection.Reason, id: String)
    /// A header of the answer held control characters; a bare 500 was sent instead.
    case answerRefused(id: String)
    /// The peer was gone before it had the answer.
    case answerLost(id: String)
    /// No connection can be accepted for now (`EMFILE`, `ENFILE`, …); tried again a moment later.
    case acceptPaused(code: Int32)
}
