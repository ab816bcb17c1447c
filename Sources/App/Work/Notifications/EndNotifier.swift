package import Crypto
import Flows
import HTTP
package import HTTPClient
import JSON
package import Postgres
import Synchronization
import System

/// Sends the notifications of the ends of runs: at least once each, with the same id, until the receiver answers 2xx or
/// a day has passed. A process that ends in an attempt leaves its lease, after which another one attempts it again.
///
/// The requests are sent by the thread of the `HTTPDriver`; one other thread calls `round`.
package final class EndNotifier: Sendable {
    /// How many attempts this process makes at once.
    private static let maximumAttempts = 64
    private static let timeout = Duration.seconds(10)
    /// How much of an answer is kept, in bytes.
    private static let keptAnswer = 4_096

    private struct State {
        var running = 0
        var ended: [EndedAttempt] = []
    }

    private let driver: HTTPDriver
    private let keys: KeyRing?
    private let site: String
    private let clock: @Sendable () -> Int64
    private let observe: @Sendable (ApplicationEvent) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - keys: nil: no secret can be opened, so all attempts fail.
    ///   - site: what links begin with: the URL of the program, or its base path.
    ///   - clock: seconds since 1970.
    ///   - observe: called on the thread that calls `round`.
    package init(
        by driver: HTTPDriver, sealing keys: KeyRing?, site: String = "",
        clock: @escaping @Sendable () -> Int64 = { WallClock.seconds },
        observe: @escaping @Sendable (ApplicationEvent) -> Void
    ) {
        self.driver = driver
        self.keys = keys
        self.site = site
        self.clock = clock
        self.observe = observe
    }

    /// Whether attempts are being made, or have ended and are not recorded.
    package var isBusy: Bool { state.withLock { $0.running > 0 || !$0.ended.isEmpty } }

    /// Records the attempts that have ended, and begins those that are due. Returns how many it has begun.
    ///
    /// - Parameters:
    ///   - claims: whether attempts are begun.
    ///   - attemptEnded: called on the driver's thread at the end of an attempt: another round is due.
    @discardableResult
    package func round(
        on connection: Connection, claiming claims: Bool = true, attemptEnded: @escaping @Sendable () -> Void
    ) throws -> Int {
        var failure: (any Error)?
        while failure == nil, let attempt = state.withLock({ $0.ended.first }) {
            do {
                let outcome = try Self.record(attempt, on: connection)
                state.withLock { _ = $0.ended.removeFirst() }
                report(attempt, outcome)
            } catch {
                // Others come first next time, and are sent now, as far as the database answers.
                state.withLock { $0.ended.append($0.ended.removeFirst()) }
                connection.rollback()
                failure = error
            }
        }
        let count = claims ? try beginSome(on: connection, attemptEnded) : 0
        if let failure { throw failure }
        return count
    }

    private func beginSome(on connection: Connection, _ attemptEnded: @escaping @Sendable () -> Void) throws -> Int {
        let room = state.withLock { Self.maximumAttempts - $0.running }
        let claimed = try Self.claim(room, on: connection)
        state.withLock { $0.running += claimed.count }
        for claim in claimed { begin(claim, attemptEnded) }
        return claimed.count
    }

    private func report(_ attempt: EndedAttempt, _ state: String?) {
        switch state {
        case "delivered": observe(.notificationDelivered(after: attempt.duration))
        case "pending": observe(.notificationFailed(host: attempt.host, reason: attempt.reason))
        case "dead": observe(.notificationDead(host: attempt.host, reason: attempt.reason))
        default: break
        }
    }

    private func begin(_ claim: ClaimedNotification, _ attemptEnded: @escaping @Sendable () -> Void) {
        let begun = ContinuousClock.now
        let end: @Sendable (EndedAttempt) -> Void = { [self] attempt in
            state.withLock {
                $0.running -= 1
                $0.ended.append(attempt)
            }
            attemptEnded()
        }
        guard let url = claim.url else { return end(EndedAttempt(claim, .dropped)) }
        guard let request = request(claim, to: url) else {
            return end(EndedAttempt(claim, .failed, error: "secret_unavailable"))
        }
        let host = (try? request.checkedHost()) ?? ""
        driver.send(
            request, timeout: Self.timeout, bodyLimit: Self.keptAnswer, cutsBody: true, followsRedirects: false
        ) { result, _ in
            var attempt: EndedAttempt
            switch result {
            case .success(let response):
                attempt = EndedAttempt(claim, response.status.isSuccess ? .delivered : .failed)
                attempt.status = response.status.rawValue
                attempt.answer = String(decoding: response.body.filter { $0 != 0 }, as: UTF8.self)
            case .failure(let error): attempt = EndedAttempt(claim, .failed, error: error.code)
            }
            attempt.host = host
            attempt.duration = .now - begun
            end(attempt)
        }
    }

    /// The request of an attempt; nil if no secret can be opened.
    private func request(_ claim: ClaimedNotification, to url: String) -> OutgoingRequest? {
        let associated = EndTarget.associated(claim.workflowID, of: claim.userID)
        var secrets = claim.sealedSecrets.compactMap { try? keys?.open($0, associated: associated) }
        defer { for index in secrets.indices { secrets[index].wipe() } }
        guard !secrets.isEmpty else { return nil }
        let body = payload(claim).serialized()
        var request = OutgoingRequest(.post, url, body: body)
        request.headers["Content-Type"] = "application/json"
        request.headers["User-Agent"] = "flow-manager"
        request.headers["Webhook-Id"] = claim.id
        request.headers["Webhook-Signature"] = HookScheme.signature(of: body, by: secrets, at: clock())
        return request
    }

    private func payload(_ claim: ClaimedNotification) -> JSON {
        [
            "id": .string(claim.id), "type": "execution.ended",
            "execution": [
                "id": .string(claim.executionID), "workflow_id": .string(claim.workflowID),
                "status": .string(claim.status), "created_at": .string(claim.runCreatedAt),
                "finished_at": .string(claim.runFinishedAt),
                "link": .string("\(site)/api/executions/\(claim.executionID)"),
            ],
        ]
    }
}

/// An attempt that has ended, and is to be recorded.
struct EndedAttempt: Sendable {
    enum Outcome {
        case delivered
        case failed
        /// The workflow notifies no more, or its owner is disabled.
        case dropped
    }

    let claim: ClaimedNotification
    let outcome: Outcome
    /// The status of the answer; nil without one.
    var status: Int?
    /// Why there is no answer.
    let error: String?
    /// The beginning of the answer.
    var answer: String?
    var host = ""
    var duration = Duration.zero

    init(_ claim: ClaimedNotification, _ outcome: Outcome, error: String? = nil) {
        self.claim = claim
        self.outcome = outcome
        self.error = error
    }

    /// Why it has failed, for the log.
    var reason: String { error ?? "status \(status ?? 0)" }

    /// The delays before the second and further attempts; the last one repeats.
    private static let delays: [Duration] = [
        .seconds(10), .seconds(60), .seconds(300), .seconds(1_800), .seconds(7_200), .seconds(14_400),
    ]

    /// The time until the next attempt: with a random part, so that those that failed together do not return together.
    var delay: Duration {
        Self.delays[min(claim.attempt, Self.delays.count) - 1] * Double.random(in: 0.8...1.2)
    }
}

extension HTTPClientError {
    /// The code that a list of notifications shows.
    fileprivate var code: String {
        switch self {
        case .invalidURL, .invalidHeader, .hostRefused: "invalid_url"
        case .addressRefused: "blocked_address"
        case .unreachable: "unreachable"
        case .tls: "tls_failed"
        case .tooManyRedirects, .redirectRefused: "redirect_refused"
        case .tooLarge: "answer_too_large"
        case .timedOut: "timeout"
        case .canceled: "canceled"
        case .interrupted: "interrupted"
        }
    }
}
