import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

@testable import App

/// The events that the application reports for each request.
@Suite struct ObservedRequestTests {
    private struct Broken: Error {}

    private let application: TestApplication
    private var events: Recording<ApplicationEvent> { application.events }

    init() throws {
        application = try TestApplication(
            endpoints: [
                Self.endpoint("/broken/{id}") { _ in throw Broken() },
                Self.endpoint("/limited", .array) { _ in .response(.noContent) },
                Self.endpoint("/slow") { context in
                    try context.connection.execute("SELECT 'early'")
                    try context.connection.execute(
                        """
                        SELECT pg_sleep(0.05),
                            \("canary of a value")::text
                        """)
                    try context.connection.execute("SELECT 'late'")
                    return .response(.noContent)
                },
                Self.endpoint("/stream") { _ in
                    .stream(head: .noContent, fallback: Response(status: .unavailable)) { _ in }
                },
            ]
        ) { $0.rateLimits = [.array: .init(user: 1, guest: 1)] }
    }

    private static func endpoint(
        _ path: String, _ rateClass: RateClass = .unlimited, handle: @escaping @Sendable (Context) throws -> Reply
    ) -> Endpoint<Context> {
        Endpoint(
            .get, path, operation: path, tag: .flows, access: .everyone, summary: "For tests", rateClass: rateClass,
            waits: false, answers: [], handle: handle)
    }

    private func reply(
        _ method: String, _ target: String, _ body: JSON? = nil, token: String? = nil
    ) -> (reply: Reply, length: Int) {
        var headers: Headers = [:]
        if let token { headers.append(name: "authorization", value: "Bearer \(token)") }
        if body != nil { headers.append(name: "content-type", value: "application/json") }
        let request = Request(method: method, target: target, headers: headers, remoteAddress: "192.0.2.1", id: "r1")
        let bytes = body?.serialized() ?? []
        return (application.reply(to: request, body: bytes), bytes.count)
    }

    /// The finished requests since the last call.
    private func finished() -> [FinishedRequest] {
        events.take().compactMap { if case .requestFinished(let finished) = $0 { finished } else { nil } }
    }

    /// Sends the request, and expects exactly one event of a finished request, with the values of the response.
    private func expectFinished(
        _ method: String, _ target: String, _ body: JSON? = nil, token: String? = nil, route: String?, status: Int,
        userID: String? = nil, isRead: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        _ = events.take()
        let (reply, length) = reply(method, target, body, token: token)
        let found = finished()
        #expect(found.count == 1, sourceLocation: sourceLocation)
        var expected = FinishedRequest(requestID: "r1", method: method)
        expected.endpoint = found.first?.endpoint
        #expect((expected.endpoint == nil) == (route == nil), sourceLocation: sourceLocation)
        expected.route = route
        expected.status = status
        expected.userID = userID
        expected.requestBytes = isRead ? length : 0
        expected.responseBytes = method == "HEAD" ? 0 : reply.initial.bytes.count
        let duration = try #require(found.first?.duration, sourceLocation: sourceLocation)
        #expect(duration > .zero, sourceLocation: sourceLocation)
        expected.duration = duration
        expected.slowestStatement = found.first?.slowestStatement
        #expect(found == [expected], sourceLocation: sourceLocation)
        #expect(reply.initial.status.rawValue == status, sourceLocation: sourceLocation)
    }

    @Test func reportsRouteAndStatus() throws {
        try expectFinished("GET", "/health", route: "/health", status: 200)
        try expectFinished("HEAD", "/health", route: "/health", status: 200)
        try expectFinished("GET", "/nowhere", route: nil, status: 404)
        try expectFinished("DELETE", "/health", route: nil, status: 405)
        try expectFinished("GET", "/me", route: "/me", status: 401)
        try expectFinished("POST", "/flow-manager", ["flow": 1], route: "/flow-manager", status: 401)
    }

    @Test func reportsTheUser() throws {
        let user = try application.makeUser()
        try expectFinished("GET", "/me", token: user.token, route: "/me", status: 200, userID: user.id)
        try expectFinished(
            "POST", "/flow-manager", ["flow": 1], token: user.token, route: "/flow-manager", status: 422,
            userID: user.id,
            isRead: true)
        let id = "00000000-0000-7000-8000-000000000001"
        try expectFinished(
            "GET", "/api/executions/\(id)", token: user.token, route: "/api/executions/{id}", status: 404,
            userID: user.id)
    }

    @Test func reportsTheKey() throws {
        let user = try application.makeUser()
        let made = try application.post("/api/keys", ["name": "k", "scopes": ["read"]], token: user.token)
        let key = try #require(made["key"].stringValue)
        _ = events.take()
        _ = reply("GET", "/me", token: key)
        #expect(finished().map(\.keyID) == [made["id"].stringValue])
        _ = reply("GET", "/me", token: user.token)
        #expect(finished().map(\.keyID) == [nil])
    }

    /// A time that has not come, or is long past, is that of another clock.
    @Test(arguments: [(-5_000, true), (0, true), (60_000, false), (-86_400_000, false)])
    func reportsTheTimeInTheQueue(milliseconds: Int64, isBelieved: Bool) throws {
        let queuedAt = WallClock.nanoseconds / 1_000_000 + milliseconds
        _ = application.reply(to: Request(method: "GET", target: "/health", queuedAt: queuedAt), body: [])
        let time = try #require(finished().first).queueTime
        #expect((time != nil) == isBelieved)
        if let time { #expect(time >= .milliseconds(-milliseconds) && time < .seconds(600)) }
    }

    @Test func reportsFailures() throws {
        _ = reply("GET", "/broken/7")
        let kinds = events.take().map { event in
            switch event {
            case .requestFailed(let id, _, let route, let status, _): "failed \(id) \(route ?? "nil") \(status)"
            case .requestFinished(let finished): "finished \(finished.requestID) \(finished.status)"
            default: "\(event)"
            }
        }
        #expect(kinds == ["failed r1 /broken/{id} 500", "finished r1 500"])
        try expectFinished("GET", "/broken/7", route: "/broken/{id}", status: 500)
    }

    @Test func reportsTheTraceOfAValidHeader() throws {
        let trace = "0af7651916cd43dd8448eb211c80319c"
        for (value, id) in [("00-\(trace)-b7ad6b7169203331-01", trace), ("00-\(trace)-b7ad6b7169203331", nil)] {
            _ = application.reply(to: Request(method: "GET", target: "/health", headers: ["traceparent": value]))
            #expect(finished().map(\.traceID) == [id])
        }
    }

    @Test func reportsTheSlowestStatementWithoutItsValues() throws {
        _ = reply("GET", "/slow")
        let slowest = try #require(finished().first?.slowestStatement)
        #expect(slowest.text == "SELECT pg_sleep(0.05), $1::text")
        // The server may have begun before this thread, which has sent the statement, looks at the clock.
        #expect(slowest.duration >= .milliseconds(10))
        _ = reply("GET", "/health")
        #expect(finished().map(\.slowestStatement) == [nil])
    }

    @Test func reportsRateLimitsThatAreHit() throws {
        try expectFinished("GET", "/limited", route: "/limited", status: 204)
        _ = reply("GET", "/limited")
        let codes = events.all.compactMap { if case .limitHit(let code) = $0 { code } else { nil } }
        #expect(codes == ["rate_limited"])
        try expectFinished("GET", "/limited", route: "/limited", status: 429)
    }

    /// A call that waits is finished when its response is created.
    @Test(arguments: [200, nil]) func aWaitingCallIsReportedWithItsResponse(status: Int?) throws {
        let user = try application.makeUser()
        let body = JSON.flow([.task("a", "approval")])
        _ = events.take()
        let (reply, length) = reply("POST", "/flow-manager", body, token: user.token)
        guard case .wait = reply.continuation else { throw TestFailure("the call does not wait") }
        #expect(finished().isEmpty)
        reply.onResponse?(status.map { Response(status: Status(rawValue: $0), body: [1, 2, 3]) })
        let found = finished()
        #expect(found.map(\.route) == ["/flow-manager"] && found.map(\.userID) == [user.id])
        #expect(found.map(\.requestBytes) == [length])
        #expect(found.allSatisfy { $0.threadTime.map { $0 > .zero } == true })
        #expect(found.map(\.status) == [status ?? FinishedRequest.clientDisconnected])
        #expect(found.map(\.responseBytes) == [status == nil ? 0 : 3])
    }

    @Test func aStreamIsReportedWithItsHead() throws {
        let reply = reply("GET", "/stream").reply
        guard case .stream = reply.continuation else { throw TestFailure("no stream") }
        #expect(finished().isEmpty)
        reply.onResponse?(reply.initial)
        #expect(finished().map(\.status) == [204])
    }
}
