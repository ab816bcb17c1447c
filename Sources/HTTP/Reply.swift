/// What a handler replies to a request: a response, or how one is sent later.
package enum Reply: Sendable {
    case response(Response)
    /// The response is sent when something happens. Until then the exchange is parked: it occupies no thread.
    ///
    /// - Parameters:
    ///   - fallback: the response if the exchange cannot wait, or no longer: too many do, or the process is draining.
    ///   - start: called once, on the handler's thread, when the exchange is parked; never if it cannot be parked.
    case wait(fallback: Response, start: @Sendable (PendingResponse) -> Void)
    /// The head is sent now, and events follow on the parked exchange.
    ///
    /// - Parameters:
    ///   - fallback: the response if no stream is free.
    ///   - start: called once, on the handler's thread, when the head is sent; never if no stream is free.
    case stream(head: Response, fallback: Response, start: @Sendable (EventStream) -> Void)

    /// The response that is known now: of an exchange that waits, its fallback; of a stream, its head.
    package var initial: Response {
        get {
            switch self {
            case .response(let response), .wait(let response, _), .stream(let response, _, _): response
            }
        }
        set {
            self =
                switch self {
                case .response: .response(newValue)
                case .wait(_, let start): .wait(fallback: newValue, start: start)
                case .stream(_, let fallback, let start): .stream(head: newValue, fallback: fallback, start: start)
                }
        }
    }
}
