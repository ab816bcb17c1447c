/// What a handler replies to a request: a response, or how one is sent later.
///
/// The edge calls `onResponse` once, when the response is known: with the response that is sent first, or with nil when
/// the client has disconnected before.
package enum Reply: Sendable {
    case response(Response)
    /// The response is sent when something happens. Until then the exchange is parked: it occupies no thread.
    ///
    /// - Parameters:
    ///   - fallback: the response if the exchange cannot wait, or no longer: too many do, or the process is draining.
    ///   - start: called once, on the handler's thread, when the exchange is parked; never if it cannot be parked.
    case wait(
        fallback: Response, onResponse: @Sendable (Response?) -> Void = { _ in },
        start: @Sendable (PendingResponse) -> Void)
    /// The head is sent now, and events follow on the parked exchange.
    ///
    /// - Parameters:
    ///   - fallback: the response if no stream is free.
    ///   - start: called once, on the handler's thread, when the head is sent; never if no stream is free.
    case stream(
        head: Response, fallback: Response, onResponse: @Sendable (Response?) -> Void = { _ in },
        start: @Sendable (EventStream) -> Void)

    /// The response that is known now: of an exchange that waits, its fallback; of a stream, its head.
    package var initial: Response {
        switch self {
        case .response(let response), .wait(let response, _, _), .stream(let response, _, _, _): response
        }
    }

    /// Changes each response that the reply contains.
    package mutating func update(_ change: (inout Response) -> Void) {
        switch self {
        case .response(var response):
            change(&response)
            self = .response(response)
        case .wait(var fallback, let onResponse, let start):
            change(&fallback)
            self = .wait(fallback: fallback, onResponse: onResponse, start: start)
        case .stream(var head, var fallback, let onResponse, let start):
            change(&head)
            change(&fallback)
            self = .stream(head: head, fallback: fallback, onResponse: onResponse, start: start)
        }
    }

    /// Lets `observe` be called as `onResponse`, unless the response is known already.
    package mutating func onResponse(_ observe: @escaping @Sendable (Response?) -> Void) {
        switch self {
        case .response: break
        case .wait(let fallback, _, let start): self = .wait(fallback: fallback, onResponse: observe, start: start)
        case .stream(let head, let fallback, _, let start):
            self = .stream(head: head, fallback: fallback, onResponse: observe, start: start)
        }
    }
}
