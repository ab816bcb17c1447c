import Crypto
package import HTTP
package import Postgres
package import SharedMemory
import System

/// The product as a function from requests to answers. It is stateless; one value serves all threads.
package struct Application: Sendable {
    private let endpoints: [Endpoint<Context>]
    private let router: Router
    /// What the scoreboard shows of a thread that serves an endpoint.
    private let activities: [SeriesKey]
    let services: Services
    private let clock: @Sendable () -> Int64

    /// `clock` returns seconds since 1970.
    package init(
        services: Services, endpoints: [Endpoint<Context>] = Routes.all, clock: @escaping @Sendable () -> Int64
    ) {
        self.endpoints = endpoints
        router = Router(endpoints)
        activities = endpoints.map { SeriesKey("\($0.method.rawValue) \($0.path)") }
        self.services = services
        self.clock = clock
    }

    /// Replies to one request over this thread's connection. It never throws, and its duration is limited by the
    /// timeouts of its statements. The body is read only if the endpoint's caller may call it.
    ///
    /// - Parameters:
    ///   - seat: where this thread shows which endpoint it serves; nil: nowhere.
    ///   - isOverloaded: whether a call that may use the database is refused.
    package func reply(
        to request: Request, readingBody read: BodyReader, over connection: Connection, at seat: Seat? = nil,
        isOverloaded: Bool = false
    ) -> Reply {
        let start = Monotonic.now
        var call = Call(request, services: services)
        call.isOverdue = isOverloaded || call.hasWaitedTooLong
        var finished = FinishedRequest(requestID: call.id, method: request.method)
        finished.traceID = request.trace?.traceID
        let audit = AuditTrail(from: request.remoteAddress, on: connection)
        connection.caller = nil
        connection.slowestStatement = nil
        var reply: Reply
        do {
            reply = try route(&call, into: &finished, readingBody: read, audit: audit, over: connection, at: seat)
        } catch {
            reply = .response(call.response(for: error))
        }
        connection.rollback()
        if audit.awaitsSeal, reply.initial.status.rawValue < 500 { seal(over: connection) }
        finished.slowestStatement = connection.slowestStatement
        reply.update { call.complete(&$0) }
        guard reply.continuation != nil else {
            call.finish(finished, since: start, with: reply.initial)
            return reply
        }
        finished.threadTime = .now - start
        reply.onResponse = { [call, finished] in call.finish(finished, since: start, with: $0) }
        return reply
    }

    /// A seal that fails does not make the request fail, because the request's transaction is already committed.
    private func seal(over connection: Connection) {
        do {
            try AuditLog.seal(on: connection)
        } catch {
            services.observe(.auditNotSealed(detail: (error as? PostgresError)?.debugDescription ?? "\(error)"))
        }
    }

    /// Finds the endpoint and lets it reply.
    private func route(
        _ call: inout Call, into finished: inout FinishedRequest, readingBody read: BodyReader, audit: AuditTrail,
        over connection: Connection, at seat: Seat?
    ) throws -> Reply {
        if call.request.isMalformed { throw Rejection.malformed }
        guard let path = Path(parsing: call.request.path) else {
            throw Problem(.badRequest, "The path is not valid")
        }
        guard let path = services.basePath.relative(path) else { throw Problem.notFound }
        switch router.match(method: call.request.method, path: path) {
        case .none:
            let now = clock()
            guard let doctor = services.doctor, doctor.admits(call.request, at: path, now: now) else {
                throw Problem.notFound
            }
            return try report(call.request, to: doctor, readingBody: read, over: connection, now: now)
        case .otherMethods(let allow):
            guard call.request.method == Method.options.rawValue else { throw Problem.methodNotAllowed(allow: allow) }
            return .response(Response(status: .noContent, headers: ["Allow": allow]))
        case .endpoint(let position, let parameters):
            let endpoint = endpoints[position]
            finished.endpoint = position
            seat?.show(activities[position])
            finished.route = endpoint.path
            call.route = endpoint.path
            call.isForServices = endpoint.isForServices
            if call.isOverdue, endpoint.usesDatabase { throw QueueTimeout() }
            do {
                return try reply(
                    to: &call, at: endpoint, parameters, into: &finished, readingBody: read, audit: audit,
                    over: connection)
            } catch let problem as Problem {
                assert(endpoint.declares(problem), "\(endpoint.operation) does not declare \(problem.code)")
                throw problem
            }
        }
    }

    /// The stages of a request, in their order: access, share of the threads, body, input, rate limit, handler.
    private func reply(
        to call: inout Call, at endpoint: Endpoint<Context>, _ parameters: [String],
        into finished: inout FinishedRequest, readingBody read: BodyReader, audit: AuditTrail,
        over connection: Connection
    ) throws -> Reply {
        let (request, now) = (call.request, clock())
        let caller = try Authentication(services: services, now: now, audit: audit, connection: connection)
            .principal(of: request, for: endpoint)
        finished.userID = caller?.id
        finished.keyID = caller?.keyID
        connection.caller = caller?.id
        return try services.callShares.occupying(for: caller?.id) { share in
            if endpoint.setsCookies { try services.crossOrigin.check(request) }
            let body = try read(endpoint.body.policy)
            finished.requestBytes = body.length
            var context = Context(
                call: call, endpoint: endpoint, parameters: parameters,
                query: try request.fields(declaredBy: endpoint),
                body: body, input: try request.input(endpoint.body, body), caller: caller, share: share,
                idempotencyKey: try IdempotencyKey(
                    of: call, body: body, for: endpoint, caller: caller, bodyKeys: services.bodyKeys),
                connection: connection, audit: audit, now: now)
            defer { call.rateLimit = context.call.rateLimit }
            // A call that repeats an earlier one does not count toward the rate limit.
            switch (endpoint.idempotency, context.idempotencyKey) {
            case (.wholeCall, let key?): return try handleOnce(&context, key)
            case (.byHandler, let key?): context.earlier = try key.earlier(on: connection)
            default: break
            }
            if context.earlier == nil { try count(&context) }
            return try handle(context)
        }
    }

    /// Calls the handler unless the call repeats an earlier one. The call counts even if its transaction is rolled
    /// back, because its answer cannot be stored.
    private func handleOnce(_ context: inout Context, _ key: IdempotencyKey) throws -> Reply {
        let connection = context.connection
        do {
            return try key.answeringOnce(over: connection) {
                try count(&context)
                return try handle(context)
            }
        } catch {
            connection.rollback()
            if services.rateLimits.areInDatabase, context.call.rateLimit?.isAdmitted == true { try? count(&context) }
            throw error
        }
    }

    /// Counts the call toward the limit of its rate class. Throws 429.
    private func count(_ context: inout Context) throws {
        let rateClass = context.endpoint.rateClass
        guard rateClass.countsCalls, !rateClass.isCountedByHandler else { return }
        let caller = context.caller
        context.call.rateLimit = try services.rateLimits.count(
            rateClass, by: caller.map { .user($0.id) } ?? .network(context.network),
            isGuest: caller?.account.role == .guest, on: context.connection)
        try context.call.rateLimit?.check()
    }

    private func handle(_ context: Context) throws -> Reply {
        let (endpoint, reply) = (context.endpoint, try context.endpoint.handle(context))
        assert(
            endpoint.setsCookies || endpoint.access != .everyone || reply.initial.headers["Set-Cookie"] == nil,
            "\(endpoint.operation) does not declare that it sets cookies")
        return reply
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
