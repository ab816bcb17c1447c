package import HTTP

/// What happened at the FastCGI edge, apart from requests that were answered normally.
///
/// `id` is the web server's request id. If it sent none, it is that of the response, and empty without one.
package enum FastCGIEvent: Sendable, Equatable {
    /// The peer's user id may not connect; the connection was closed.
    case peerRefused(user: UInt32)
    /// A client with that address may not connect over TCP; the connection was closed.
    case clientRefused(address: String)
    /// The connection did not begin with a valid request for a responder and was closed.
    case strayPeer
    /// A request's params did not arrive: the peer was silent or has left.
    case requestUnreadable
    /// The request lacked the web server's secret; it was not executed, and its connection was closed.
    case gateRefused
    /// The web server sent a call again that a process had begun; it was not executed, and its connection was closed.
    case callNotRepeated
    /// The request was incomplete at the read deadline; its connection was shut down. Its id and the client's address
    /// are empty if its params had not arrived.
    case deadlinePassed(id: String, client: String)
    /// The request is invalid or its body could not be read.
    case rejected(reason: Rejection, id: String)
    /// A header of the response contained control characters; a bare 500 was sent instead.
    case answerRefused(id: String)
    /// The peer left before it had received the response.
    case answerLost(id: String)
    /// So many more exchanges wait or stream without a thread, or fewer.
    case parked(Int)
    /// No slot was free for an exchange that would wait or stream, or its owner had half of them. It was answered at
    /// once.
    case parkingFull
    /// Whether all threads have served one call each for longer than the limit of the wait in the queue. Others are
    /// refused then.
    case threadsBlocked(Bool)
    /// No connection can be accepted for now (`EMFILE`, `ENFILE`, …). The pool retries shortly.
    case acceptPaused(code: Int32)
}
