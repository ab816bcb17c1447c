package import HTTP
import Crypto
import JSON
package import Postgres

/// The product as a function from requests to answers. It is stateless; one value serves all threads.
package struct Application: Sendable {
    private let endpoints = Routes.all
    private let router: Router
    private let services: Services
    private let clock: @Sendable () -> Int64

    /// `clock` returns seconds since 1970.
    package init(services: Services, clock: @escaping @Sendable () -> Int64) {
        router = Router(endpoints)
        self.services = services
        self.clock = clock
    }

    /// Answers one request over this thread's connection. It never throws, and its duration is limited by the timeouts
    /// of its statements.
    ///
    /// If the result contains a wait, the response is the one to send when the exchange cannot be parked.
    package func respond(to request: Request, over connection: Connection) -> (Response, Wait?) {
        let id = RequestID.of(request)
        let audit = AuditTrail(from: request.remoteAddress, on: connection)
        var response: Response
        var deferral: Deferral?
        do {
            (response, deferral) = try answer(request, id, audit, connection)
        } catch {
            response = problem(for: error, in: request, id).response(requestID: id)
        }
        connection.rollback()
        if audit.awaitsSeal, response.status.rawValue < 500 { seal(over: connection) }
        complete(&response, to: request, id, granted: deferral?.granted)
        return (response, deferral?.wait.map { wait($0, granted: deferral?.granted, request, id) })
    }

    /// The wait that the handler requested; its answer has the common headers, and its errors become problems.
    private func wait(_ deferred: Deferral.Wait, granted: Int?, _ request: Request, _ id: String) -> Wait {
        Wait(executionID: deferred.executionID, limit: .seconds(deferred.seconds)) { connection in
            var response: Response
            do {
                response = try deferred.answer(connection)
            } catch {
                response = problem(for: error, in: request, id).response(requestID: id)
            }
            complete(&response, to: request, id, granted: granted)
            return response
        }
    }

    /// A seal that fails does not make the request fail, because the request's transaction is already committed.
    private func seal(over connection: Connection) {
        do {
            try AuditLog.seal(on: connection)
        } catch {
            services.observe(.auditNotSealed(detail: (error as? PostgresError)?.debugDescription ?? "\(error)"))
        }
    }

    /// The answer to a request that the edge could not read completely.
    package func refuse(_ request: Request, _ problem: Problem) -> Response {
        let id = RequestID.of(request)
        var response = problem.response(requestID: id)
        complete(&response, to: request, id)
        return response
    }

    /// Routes the request and answers it.
    private func answer(
        _ request: Request, _ id: String, _ audit: AuditTrail, _ connection: Connection
    ) throws -> (Response, Deferral?) {
        guard let path = Path(parsing: request.path) else { throw Problem(.badRequest, "The path is not valid") }
        switch router.match(method: request.method, path: path) {
        case .none: throw Problem.notFound
        case .otherMethods(let allow):
            guard request.method == Method.options.rawValue else { throw Problem.methodNotAllowed(allow: allow) }
            return (Response(status: .noContent, headers: ["Allow": allow]), nil)
        case .endpoint(let position, let parameters):
            let endpoint = endpoints[position]
            do {
                return try answer(request, id, endpoint, parameters, audit, connection)
            } catch let problem as Problem {
                assert(endpoint.declares(problem), "\(endpoint.operation) does not declare \(problem.code)")
                throw problem
            }
        }
    }

    /// Answers by the endpoint: authenticates the caller, then reads the request's parts, then calls the handler.
    private func answer(
        _ request: Request, _ id: String, _ endpoint: Endpoint<Context>, _ parameters: [String], _ audit: AuditTrail,
        _ connection: Connection
    ) throws -> (Response, Deferral?) {
        let now = clock()
        let caller = try Authentication.principal(
            of: request, for: endpoint, services: services, now: now, audit, connection)
        let deferral = endpoint.waits ? Deferral() : nil
        let context = Context(
            request: request, parameters: parameters, query: try request.fields(declaredBy: endpoint),
            input: try request.input(endpoint.body), caller: caller,
            idempotencyKey: try IdempotencyKey(
                of: request, id: id, for: endpoint, caller: caller, bodyKeys: services.bodyKeys),
            connection: connection, audit: audit,
            services: services, deferral: deferral, now: now)
        guard endpoint.idempotency == .wholeCall, let key = context.idempotencyKey else {
            return (try endpoint.handle(context), deferral)
        }
        let answer = try key.answeringOnce(over: connection) { try endpoint.handle(context) }
        return (answer, deferral)
    }

    /// Adds the headers that every answer has; `granted` is the number of seconds that the caller's preference was
    /// granted.
    private func complete(_ response: inout Response, to request: Request, _ id: String, granted: Int? = nil) {
        response.headers.reserveCapacity(8)
        response.headers.append(name: "X-Request-Id", value: id)
        response.headers.append(name: "X-Content-Type-Options", value: "nosniff")
        if response.headers["Cache-Control"] == nil {
            response.headers.append(name: "Cache-Control", value: "no-store")
        }
        if let granted { response.headers.append(name: "Preference-Applied", value: "wait=\(granted)") }
        services.crossOrigin.complete(&response, to: request)
    }

    /// Maps an error to its problem. No other code does this.
    private func problem(for error: any Error, in request: Request, _ id: String) -> Problem {
        switch error {
        case let problem as Problem where problem.status != .internalError && problem.status != .unavailable:
            return problem
        case let problem as Problem: return report(problem, problem.code, request, id)
        case let error as PostgresError: return report(Problem(error), error.debugDescription, request, id)
        case PasswordError.busy:
            return report(.unavailable(retryAfter: 2), "password hashing is at its limit", request, id)
        case is TokenKey.Unreadable:
            return report(.unavailable(retryAfter: 5), "SEALING_KEY does not open the token keys", request, id)
        default: return report(.internalError, String(describing: type(of: error)), request, id)
        }
    }

    private func report(_ problem: Problem, _ detail: String, _ request: Request, _ id: String) -> Problem {
        if problem.status == .internalError || problem.status == .unavailable {
            services.observe(
                .requestFailed(
                    requestID: id, method: request.method, status: problem.status.rawValue, detail: detail))
        }
        return problem
    }
}

/// The id that correlates an answer with the logs: the web server's or the client's id if it is valid, otherwise a new
/// one.
enum RequestID {
    static func of(_ request: Request) -> String {
        if isSane(request.id) { return request.id }
        if let own = request.headers["x-request-id"], isSane(own) { return own }
        return UUIDv7.make()
    }

    private static func isSane(_ text: String) -> Bool {
        let bytes = text.utf8Span.span
        guard (1...64).contains(bytes.count) else { return false }
        for index in bytes.indices {
            switch bytes[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                continue
            default: return false
            }
        }
        return true
    }
}
