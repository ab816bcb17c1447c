import Synchronization

/// The response of a parked exchange: sent at most once, from any thread.
///
/// When the client disconnects before, the resources of the exchange are released at once. After the exchange has
/// ended, the functions of this handle have no effect.
package final class PendingResponse: Sendable {
    private enum State {
        case pending(end: @Sendable (Response?) -> Void)
        case sent
        case disconnected
    }

    private let state: Mutex<State>

    /// `end` is called at most once, on any thread: with the response, or with nil when the client has disconnected.
    package init(end: @escaping @Sendable (Response?) -> Void) {
        state = Mutex(.pending(end: end))
    }

    /// Sends the response. It blocks for at most the time that a peer may leave a response unread. Has no effect if the
    /// client has disconnected or a response was sent already.
    package func send(_ response: Response) {
        end(as: .sent, with: response)
    }

    /// Whether the client disconnected before a response was sent.
    package var isDisconnected: Bool {
        state.withLock { if case .disconnected = $0 { true } else { false } }
    }

    /// Ends the exchange without a response. The FastCGI edge calls it when the peer has disconnected.
    package func disconnect() {
        end(as: .disconnected, with: nil)
    }

    private func end(as last: State, with response: Response?) {
        let end: (@Sendable (Response?) -> Void)? = state.withLock {
            guard case .pending(let end) = $0 else { return nil }
            $0 = last
            return end
        }
        end?(response)
    }
}
