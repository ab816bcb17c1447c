import Synchronization

/// An exchange that waits for its answer; answered at most once, from any thread.
///
/// Whoever asked may leave meanwhile, and what was held for the exchange is free at once: this handle may outlive it and
/// then does nothing.
package final class Parked: Sendable {
    private enum State {
        case waiting(end: @Sendable (Response?) -> Void)
        case answered
        case left
    }

    private let state: Mutex<State>

    /// `end` is called once at most, on whatever thread, with the answer or, when whoever asked has left, with nil.
    package init(end: @escaping @Sendable (Response?) -> Void) {
        state = Mutex(.waiting(end: end))
    }

    /// Sends the answer, which may take as long as the peer may leave one unread. Of no effect when whoever asked has
    /// left, or was answered already.
    package func answer(_ response: Response) {
        end(as: .answered, with: response)
    }

    /// Whether whoever asked left before there was an answer.
    package var hasLeft: Bool {
        state.withLock { if case .left = $0 { true } else { false } }
    }

    /// Ends the exchange without an answer: for the edge, which sees the peer leave.
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
