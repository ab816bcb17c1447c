/// What a handler replies to a request: a response, and whether more follows it or another one is sent later.
package struct Reply: Sendable {
    /// What an exchange that occupies no thread waits for.
    package enum Continuation: Sendable {
        /// The exchange waits for its response, unless it cannot: too many do, or the process is draining.
        ///
        /// `start` is called once, on the handler's thread, when the exchange is parked; never if it cannot be parked.
        case wait(start: @Sendable (PendingResponse) -> Void)
        /// Events follow the head, unless no stream is free: then the response is `fallback`.
        ///
        /// `start` is called once, on the handler's thread, when the head is sent; never if no stream is free.
        case stream(fallback: Response, start: @Sendable (EventStream) -> Void)
    }

    /// The response that is known now: of an exchange that waits, the one that it gets if it cannot, or no longer; of a
    /// stream, its head.
    package private(set) var initial: Response
    /// The owner of the slot in which the exchange waits: one owner gets at most half of the slots, and half of the
    /// streams. Nil: no owner.
    package let owner: String?
    /// Of an exchange that waits: the response if it cannot be parked; nil: `initial`.
    package private(set) var refusal: Response?
    /// Nil: the exchange ends with `initial`.
    package private(set) var continuation: Continuation?
    /// The edge calls it once if the reply has a continuation: with the response that is sent first, or with nil when
    /// the client has disconnected before.
    package var onResponse: (@Sendable (Response?) -> Void)?
    /// The edge calls it once if the reply has no continuation: when the body of the response has been written, before
    /// the connection takes another request, or when it will not be written. It is another moment than `onResponse`,
    /// which precedes the writing, so that the call is logged before the client has the answer.
    package var onSent: (@Sendable () -> Void)?

    private init(_ initial: Response, _ continuation: Continuation?, owner: String? = nil) {
        self.initial = initial
        self.continuation = continuation
        self.owner = owner
    }

    package static func response(_ response: Response) -> Reply { Reply(response, nil) }

    package static func wait(
        for owner: String? = nil, fallback: Response, refusal: Response? = nil,
        start: @escaping @Sendable (PendingResponse) -> Void
    ) -> Reply {
        var reply = Reply(fallback, .wait(start: start), owner: owner)
        reply.refusal = refusal
        return reply
    }

    package static func stream(
        for owner: String? = nil, head: Response, fallback: Response,
        start: @escaping @Sendable (EventStream) -> Void
    ) -> Reply {
        Reply(head, .stream(fallback: fallback, start: start), owner: owner)
    }

    /// Changes each response that the reply contains.
    package mutating func update(_ change: (inout Response) -> Void) {
        change(&initial)
        if var refusal {
            change(&refusal)
            self.refusal = refusal
        }
        if case .stream(var fallback, let start) = continuation {
            change(&fallback)
            continuation = .stream(fallback: fallback, start: start)
        }
    }
}
