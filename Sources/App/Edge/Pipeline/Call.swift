import Crypto
import HTTP
import HTTPClient
import Postgres
import System

/// One request while it is answered: maps errors to problems, and adds the headers that every response has.
struct Call: Sendable {
    let request: Request
    /// Correlates the response with the logs.
    let id: String
    let services: Services
    /// The path of the endpoint, with the names of its parameters; nil if no endpoint matched.
    var route: String?
    /// As `Endpoint.isForServices`.
    var isForServices = false
    /// Whether it has waited for a thread for too long.
    var isOverdue = false
    /// The state of its rate limit after this call; nil until it is counted, and if it has none.
    var rateLimit: RateLimit.State?

    init(_ request: Request, services: Services) {
        self.request = request
        id = RequestID.of(request)
        self.services = services
    }

    /// The complete response that `body` makes; its errors become problems.
    func response(_ body: () throws -> Response) -> Response {
        var response: Response
        do {
            response = try body()
        } catch {
            response = self.response(for: error)
        }
        complete(&response)
        return response
    }

    /// The error's problem, without the headers that `complete` adds.
    func response(for error: any Error) -> Response { problem(for: error).response(requestID: id) }

    /// Adds the headers that every response has.
    func complete(_ response: inout Response) {
        response.headers.reserveCapacity(10)
        response.headers.append(name: "X-Request-Id", value: id)
        response.headers.append(name: "X-Content-Type-Options", value: "nosniff")
        if response.headers["Cache-Control"] == nil {
            response.headers.append(name: "Cache-Control", value: "no-store")
        }
        if services.basePath != .none, let location = response.headers["Location"], location.hasPrefix("/") {
            response.headers["Location"] = services.basePath.appending(location)
        }
        rateLimit?.add(to: &response.headers)
        if !isForServices { services.crossOrigin.complete(&response, to: request) }
    }

    /// Maps an error to its problem. No other code does this.
    private func problem(for error: any Error) -> Problem {
        switch error {
        case let problem as Problem: return report(problem, problem.code)
        case Rejection.bodyNotAwaited:
            services.observe(.limitHit(code: "body_not_awaited"))
            return .unavailable()
        case let rejection as Rejection:
            let problem = Problem(for: rejection)
            return problem.status == .unavailable ? report(problem, "a body could not be stored") : problem
        // Such errors come by the thousand; the log says when they begin and end.
        case let error as PostgresError where error.kind == .waitRefused: return Problem(error)
        case let error as PostgresError: return report(Problem(error), error.debugDescription)
        case PasswordError.busy:
            services.observe(.hashRefused)
            return report(.unavailable(retryAfter: 2), "password hashing is at its limit")
        // Under overload these come by the thousand.
        case is QueueTimeout:
            services.observe(.limitHit(code: "queue_timeout"))
            return .unavailable()
        case is TokenKey.Unreadable:
            return report(.unavailable(retryAfter: 5), "SEALING_KEY does not open the token keys")
        case let error as AWSError: return report(.unavailable(retryAfter: 5), error.description)
        default: return report(.internalError, String(describing: type(of: error)))
        }
    }

    private func report(_ problem: Problem, _ detail: String) -> Problem {
        switch problem.status {
        case .internalError, .unavailable:
            services.observe(
                .requestFailed(
                    requestID: id, method: request.method, route: route, status: problem.status.rawValue,
                    detail: detail))
        case .tooManyRequests: services.observe(.limitHit(code: problem.code))
        default: break
        }
        return problem
    }

    /// The longest time in the queue that is believed: the web server gives up much earlier.
    private static let longestQueueTime = Duration.seconds(600)

    /// Whether it has waited for a thread for longer than the settings permit. The client may have given up, and those
    /// behind it wait as well: to refuse it at once shortens the queue.
    var hasWaitedTooLong: Bool {
        guard let limit = services.queueTimeout, let time = queueTime(before: .zero) else { return false }
        return time > limit
    }

    /// How long the request waited for this program, if it has been processed for `duration`. Nil for a time that has
    /// not come yet, or is long past: then the clocks differ.
    func queueTime(before duration: Duration) -> Duration? {
        guard let queuedAt = request.queuedAt else { return nil }
        let since = Duration.nanoseconds(WallClock.nanoseconds) - .milliseconds(queuedAt)
        let time = since - duration
        return (.zero...Self.longestQueueTime).contains(time) ? time : nil
    }

    /// Reports that the request has this response; nil if the client has disconnected.
    func finish(_ finished: consuming FinishedRequest, since start: Monotonic, with response: Response?) {
        finished.status = response?.status.rawValue ?? FinishedRequest.clientDisconnected
        if let response, request.method != Method.head.rawValue { finished.responseBytes = response.body.length }
        finished.duration = .now - start
        finished.queueTime = queueTime(before: finished.duration)
        services.observe(.requestFinished(finished))
    }
}

/// A call has waited for a thread for too long.
struct QueueTimeout: Error {}

extension Problem {
    fileprivate init(for rejection: Rejection) {
        self =
            switch rejection {
            case .malformed: Problem(.badRequest)
            case .bodyTooLarge(BodyPolicy.memoryLimit): Problem(.contentTooLarge)
            case .bodyTooLarge(let limit): Problem(.contentTooLarge, "The body is larger than \(limit) bytes")
            case .bodyIncomplete: Problem(.bodyIncomplete)
            case .lengthUnknown: Problem(.lengthRequired)
            case .bodyNotAwaited, .bodyNotStored: .unavailable()
            }
    }
}
