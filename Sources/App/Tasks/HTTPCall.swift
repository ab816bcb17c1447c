import Flows
import HTTPClient
import Synchronization

/// The call of one attempt of `http.request`. It may be canceled while the value of its credential is read, and while
/// the request is being sent.
final class HTTPCall: Sendable {
    private enum Phase {
        case prepared
        case sending(HTTPDriver.Ticket)
        case ended
    }

    /// How long the system's resolver may go on with a lookup after its request has ended: by resolv.conf(5), two
    /// attempts of five seconds at each of three name servers.
    private static let lookupTime = Duration.seconds(30)

    private let driver: HTTPDriver
    private let deadline: ContinuousClock.Instant
    private let bodyLimit: Int
    private let expected: [Int64]?
    private let ended: ExternalCall.Ended
    private let phase = Mutex(Phase.prepared)

    /// - Parameters:
    ///   - timeout: from now to the complete answer.
    ///   - expected: the statuses that are a success; nil: 200 to 299.
    ///   - ended: called once, on any thread.
    init(
        by driver: HTTPDriver, timeout: Duration, bodyLimit: Int, expecting expected: [Int64]?,
        _ ended: @escaping ExternalCall.Ended
    ) {
        self.driver = driver
        deadline = .now + timeout
        self.bodyLimit = bodyLimit
        self.expected = expected
        self.ended = ended
    }

    /// Sends the request, or ends the call if the credential could not be read. Does nothing after a cancel.
    func send(_ request: OutgoingRequest, with credential: Result<OpenCredential, TaskFailure>) {
        switch credential {
        case .success(let credential):
            var request = request
            request.credential = credential.request
            send(request, masking: credential.mask)
        case .failure(let failure):
            _ = end(with: CallEnd(failure.code) { throw failure })
        }
    }

    /// - Parameter mask: replaces the secret of the request in the answer.
    func send(_ request: OutgoingRequest, masking mask: SecretMask? = nil) {
        phase.withLock { phase in
            guard case .prepared = phase else { return }
            phase = .sending(
                driver.send(request, timeout: deadline - .now, bodyLimit: bodyLimit) {
                    [expected, ended] result, isLookingUp in
                    var end = ServiceAnswer.end(of: result, expecting: expected, masking: mask)
                    if isLookingUp { end.remains = Self.lookupTime }
                    ended(end)
                })
        }
    }

    func cancel() {
        if let ticket = end(as: .canceled) { driver.cancel(ticket) }
    }

    /// Whether the request can still be sent. Ends the call if its time is over.
    var isWanted: Bool {
        if deadline <= .now { _ = end(as: .timedOut) }
        return phase.withLock { if case .prepared = $0 { true } else { false } }
    }

    private func end(as error: HTTPClientError) -> HTTPDriver.Ticket? {
        var end = ServiceAnswer.end(of: .failure(error), expecting: nil, masking: nil)
        // The service is not to blame.
        end.isTrouble = false
        return self.end(with: end)
    }

    /// Ends the call if its request has not been sent; else returns the ticket.
    private func end(with end: CallEnd) -> HTTPDriver.Ticket? {
        let (ticket, isEnd) = phase.withLock { phase -> (HTTPDriver.Ticket?, Bool) in
            switch phase {
            case .prepared:
                phase = .ended
                return (nil, true)
            case .sending(let ticket): return (ticket, false)
            case .ended: return (nil, false)
            }
        }
        if isEnd { ended(end) }
        return ticket
    }
}
