import Synchronization

/// An exchange that waits for its response; answered at most once, from any thread.
///
/// The client may leave meanwhile, and what was held for the exchange is released at once. This handle may outlive the
/// exchange and then does nothing.
package final class Parked: Sendable {
    private enum State {
        case waiting(end: @Sendable (Response?) -> Void)
        case answered
        case left
    }

    private let state: Mutex<State>

    /// `end` is called at most once, on any thread: with the response, or with nil when the client has left.
    package init(end: @escaping @Sendable (Response?) -> Void) {
        state = Mutex(.waiting(end: end))
    }

    /// Sends the response, which may take as long as the peer may leave one unread. Does nothing if the client has
    /// left, or was answered already.
    package func answer(_ response: Response) {
        end(as: .answered, with: response)
    }

    /// Whether the client left before there was a response.
    package var hasLeft: Bool {
        state.withLock { if case .left = $0 { true } else { false } }
    }

    /// Ends the exchange without a response. The FastCGI edge calls it when it sees the peer leave.
    package func leave() {
        end(as: .left, with: nil)
    }

    private func end(as last: State, with response: Response?) {
        let end: (@Sendable (Response?) -> Void)? = state.withLock {
            guard case .waiting(let end) = $0 else { return nil }
            $0 = last
            return end
        }
        end?(response)
    }
}
