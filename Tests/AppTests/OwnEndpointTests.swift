import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import App

/// The pipeline with endpoints of a kind that the product does not have yet, and with handlers that fail.
@Suite struct OwnEndpointTests {
    private static let tag = Tag("Tests", "For tests.")
    private static let uploadLimit = BodyPolicy.memoryLimit * 2

    private static let parts = Endpoint<Context>(
        .get, "/tests/{kind}/parts/{name}", operation: "parts", tag: tag, access: .everyone, summary: "Parts",
        answers: [Answer(.ok, "The parts")]
    ) { context in
        .json(["kind": .string(context.path("kind")), "name": .string(context.path("name"))])
    }

    private static let upload = Endpoint<Context>(
        .post, "/tests/files", operation: "upload", tag: tag, access: .user, summary: "Upload",
        body: .file(mediaTypes: ["text/csv", "application/gzip"], limit: uploadLimit), answers: [Answer(.ok, "Length")]
    ) { context in
        guard case .file(let file) = context.body else { throw Problem(.badRequest) }
        #expect(context.input == .null)
        return .json(["length": JSON(file.length)])
    }

    private static let stream = Endpoint<Context>(
        .get, "/tests/events", operation: "events", tag: tag, access: .user, summary: "Events", waits: false,
        answers: [Answer(.ok, "Events", contentType: "text/event-stream")]
    ) { context in
        .stream(
            head: Response(status: .ok, headers: ["Content-Type": "text/event-stream"]),
            fallback: Problem(.unavailable).response(requestID: "")
        ) { $0.send(Array("data: 1\n\n".utf8)) }
    }

    private static func failing(_ name: String, _ fail: @escaping @Sendable (Context) throws -> Response) -> Endpoint<
        Context
    > {
        Endpoint(
            .post, "/tests/\(name)", operation: name, tag: tag, access: .everyone, summary: "Fails",
            answers: [Answer(.ok, "Never")], handle: fail)
    }

    private struct Unexpected: Error { let detail = "secret detail" }

    private static let failures = [
        failing("unexpected") { _ in throw Unexpected() },
        failing("statement") { context in
            _ = try context.connection.query("SELECT 'secret detail' FROM no_such_table")
            return .noContent
        },
        failing("timeout") { context in
            try context.connection.transaction { connection in
                try connection.execute("SET LOCAL statement_timeout = '5ms'")
                _ = try connection.query("SELECT pg_sleep(60), 'secret detail'")
            }
            return .noContent
        },
        failing("lock") { context in
            try context.connection.transaction { connection in
                try connection.execute("SET LOCAL lock_timeout = '5ms'")
                try connection.execute("LOCK TABLE posts")
            }
            return .noContent
        },
    ]

    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication(endpoints: [Self.parts, Self.upload, Self.stream] + Self.failures)
        user = try application.makeUser()
    }

    @Test func passesPathParametersByName() throws {
        #expect(try application.get("/tests/a%20b/parts/%C3%A9").json == ["kind": "a b", "name": "é"])
        expectProblem(try application.get("/tests/a/parts"), 404)
    }

    private func upload(_ count: Int, as type: String?, token: String?) throws -> HTTPAnswer {
        let headers = [type.map { ("Content-Type", $0) }, token.map(application.bearer)].compactMap(\.self)
        return try application.send(
            "POST", "/tests/files", headers: headers, body: [UInt8](repeating: 0, count: count))
    }

    @Test func aFileMayBeLargerThanABodyInMemory() throws {
        for (count, type) in [(0, "text/csv"), (5, "Text/CSV; charset=utf-8"), (Self.uploadLimit, "application/gzip")] {
            let answer = try upload(count, as: type, token: user.token)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer["length"] == JSON(count))
        }
        expectProblem(try upload(Self.uploadLimit + 1, as: "text/csv", token: user.token), 413, "content_too_large")
        for type in ["application/json", "text/plain", "text/csv; charset=latin1", nil] {
            expectProblem(try upload(5, as: type, token: user.token), 415, "unsupported_media_type", type ?? "none")
        }
        expectChallenge(try upload(Self.uploadLimit + 1, as: "image/png", token: nil), "token_missing")
    }

    @Test func aStreamHasAHeadLikeAnyResponse() throws {
        let request = Request("GET", "/tests/events", [application.bearer(user.token), ("X-Request-Id", "r1")])
        let reply = application.reply(to: request)
        guard case .stream(let fallback, let start) = reply.continuation else { throw TestFailure("no stream") }
        let head = reply.initial
        for response in [head, fallback] {
            #expect(response.headers["X-Request-Id"] == "r1")
            #expect(response.headers["X-Content-Type-Options"] == "nosniff")
            #expect(response.headers["Cache-Control"] == "no-store")
        }
        #expect(head.headers["Content-Type"] == "text/event-stream")
        #expect(fallback.status == .unavailable)
        let sent = Recording<[UInt8]>()
        let transport = EventStream.Transport(
            write: {
                sent.add($0)
                return true
            }, end: { _ in })
        start(EventStream(over: transport))
        #expect(sent.all == [Array("data: 1\n\n".utf8)])
        expectChallenge(try application.get("/tests/events"), "token_missing")
    }

    /// The caller receives a code; the reason is only logged.
    @Test(arguments: [
        ("unexpected", 500, "internal_error"), ("statement", 500, "internal_error"), ("timeout", 503, "unavailable"),
        ("lock", 503, "unavailable"),
    ])
    func failuresDoNotRevealTheirReasons(name: String, status: Int, code: String) throws {
        let held =
            try name == "lock" ? HeldRows("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE", in: application.database) : nil
        let answer = try application.send("POST", "/tests/\(name)")
        held?.release()
        expectProblem(answer, status, code)
        #expect(!answer.text.contains("secret") && !answer.text.contains("no_such_table"), "\(answer.text)")
        #expect(answer.headers["retry-after"] != nil || status == 500)
        guard case .requestFailed(let id, "POST", _, status, let detail) = application.events.all.dropLast().last else {
            Issue.record("\(application.events.all)")
            return
        }
        #expect(answer["request_id"] == .string(id))
        #expect(!detail.isEmpty)
        #expect(try application.get("/me", token: user.token).status == 200, "the connection is still usable")
    }

    @Test func anUnreachableDatabaseIsAnswered503() throws {
        let unreachable = Connection(try PostgresConfiguration("host=/nonexistent"))
        let reply = application.reply(to: Request("GET", "/me", [application.bearer(user.token)]), over: unreachable)
        expectProblem(HTTPAnswer(reply.initial), 503, "unavailable")
    }
}
