import Crypto
import Flows
import HTTP
import HTTPClient
import JSON
import Postgres
import Synchronization
import System
import TestSupport
import Testing

@testable import App

/// Runs with the task `http.request`, executed as a worker does, against a server on the loopback address.
@Suite(.timeLimit(.minutes(1))) struct HTTPRequestTests {
    private static let userID = "00000000-0000-7000-8000-000000000001"
    private static let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private let database: TestDatabase
    private let connection: Connection
    private let engine: Engine

    init() throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
        try database.connect().execute(
            "INSERT INTO users (id, username, password_hash) VALUES (\(Self.userID), 'tester', '-')")
        engine = try Self.engine(allowing: ["127.0.0.1"])
    }

    private static func engine(allowing addresses: [String]) throws -> Engine {
        var settings = HTTPClientSettings()
        settings.allowedAddresses = addresses.compactMap(AddressRange.init(parsing:))
        return Engine(catalog: Tasks.makeCatalog(calling: try HTTPDriver(settings)), calls: ExternalCalls())
    }

    private func enqueue(_ input: JSON, retry: JSON? = nil) throws -> String {
        var task: JSON = .task("a", "http.request", input)
        if let retry, case .object(var object) = task {
            object["retry"] = retry
            task = .object(object)
        }
        let flow = (JSON.flow([task])["flow"]) ?? .null
        let id = UUIDv7.make()
        try engine.enqueue(
            Execution(
                id: id, userID: Self.userID, flow: flow, input: [:],
                starter: Starter(userID: Self.userID, keyID: nil, trace: Self.trace)),
            try engine.plan(flow, for: Self.userID, on: connection), on: connection)
        return id
    }

    /// Claims the run and executes it until its call is prepared.
    private func park(_ engine: Engine) throws -> ParkedRun {
        let claim = try #require(try engine.claim(on: connection))
        guard case .calls(let run) = try engine.execute(claim, on: connection, Cancellation()) else {
            throw TestFailure("the run makes no call")
        }
        return run
    }

    /// Makes the call of the run, and continues the run.
    private func call(_ run: ParkedRun, _ engine: Engine, _ cancellation: Cancellation = Cancellation()) throws {
        let ready = try WakeUp()
        engine.begin(run, cancellation) { ready.signal() }
        ready.wait(until: .now + .seconds(20))
        _ = try engine.resume(run, on: connection, cancellation)
    }

    private func find(_ id: String) throws -> Execution {
        try #require(try Execution.find(id, of: Self.userID, on: connection)).execution
    }

    private func run(_ input: JSON, on engine: Engine? = nil) throws -> Execution {
        let engine = engine ?? self.engine
        let id = try enqueue(input)
        try call(try park(engine), engine)
        return try find(id)
    }

    @Test func sendsTheRequestAndReturnsTheAnswer() throws {
        let server = try LoopbackServer { _ in
            .ok(#"{"a":[1,2]}"#, fields: "Content-Type: application/problem+json\r\nX-A: 1\r\nx-a: 2\r\n")
        }
        let execution = try run([
            "method": "POST", "url": .string(server.url + "/path?a=1#part"), "query": ["b c": "ä&="],
            "headers": ["X-One": "1"], "body": ["value": 5],
        ])
        #expect(execution.status == .completed)
        let output = try #require(execution.steps.last?.output)
        #expect(output["status"] == 200 && output["body"] == ["a": [1, 2]] && output["encoding"] == "json")
        #expect(output["headers"]?["x-a"] == "1, 2")
        let request = try #require(server.requests.first)
        #expect(request.method == "POST" && request.body == #"{"value":5}"#)
        #expect(request.target == "/path?a=1&b%20c=%C3%A4%26%3D")
        #expect(request.fields["x-one"] == "1" && request.fields["content-type"] == "application/json")
        #expect(request.fields["idempotency-key"] == "\(execution.id)-1")
        #expect(request.fields["traceparent"] == Self.trace)
    }

    @Test(arguments: [
        ("text/plain", "hello", "hello", "text"), ("application/json", "{", "{", "text"),
        ("application/json", #""\u0000""#, #""\u0000""#, "text"), ("text/plain", "a\0b", "YQBi", "base64url"),
    ])
    func bodiesHaveTheirEncoding(type: String, body: String, expected: String, encoding: String) throws {
        let server = try LoopbackServer { _ in .ok(body, fields: "Content-Type: \(type)\r\n") }
        let output = try run(["url": .string(server.url)]).steps.last?.output
        #expect(output?["body"] == .string(expected) && output?["encoding"] == .string(encoding))
    }

    @Test func anUnexpectedStatusIsAFailure() throws {
        let body = String(repeating: "x", count: 5_000)
        let server = try LoopbackServer { _ in
            .bytes("HTTP/1.1 404 No\r\nContent-Length: 5000\r\n\r\n" + body)
        }
        let execution = try run(["url": .string(server.url)])
        #expect(execution.status == .failed)
        let error = try #require(execution.steps.last?.failure)
        #expect(error.code == "http_status" && error.message.contains("404"))
        #expect(error.details == ["status": 404, "body": .string(String(body.prefix(2_048)))])
    }

    @Test func anExpectedStatusIsASuccess() throws {
        let server = try LoopbackServer { _ in .bytes("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n") }
        let execution = try run(["url": .string(server.url), "expect": [200, 404]])
        #expect(execution.steps.last?.output["status"] == 404)
    }

    /// The delay of the flow is shorter. The next attempt has the same key.
    @Test func aRetryWaitsAsTheServiceAsks() throws {
        let server = try LoopbackServer { _ in
            .bytes("HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 100\r\n\r\n")
        }
        let id = try enqueue(["url": .string(server.url)], retry: ["max_attempts": 2, "initial_delay": 0.05])
        try call(try park(engine), engine)
        let owner = database.connect()
        let delay = try owner.query(
            "SELECT extract(epoch FROM available_at - clock_timestamp())::float8 FROM queue WHERE execution_id = \(id)"
        ).only.decode(Double.self)
        #expect(delay > 90 && delay <= 100)
        try owner.execute("UPDATE queue SET state = 'queued'")
        try call(try park(engine), engine)
        let step = try #require(try find(id).steps.last)
        #expect(step.attempt == 2 && step.status == .failure)
        #expect(server.requests.map { $0.fields["idempotency-key"] } == ["\(id)-1", "\(id)-1"])
    }

    /// A worker dies after the step was announced, perhaps after its call: the next one repeats it with the same key.
    @Test func aRepeatedStepHasTheSameKey() throws {
        let server = try LoopbackServer { _ in .ok() }
        let id = try enqueue(["url": .string(server.url)])
        let run = try park(engine)
        let ready = try WakeUp()
        engine.begin(run, Cancellation()) { ready.signal() }
        ready.wait(until: .now + .seconds(20))
        try database.connect().execute("UPDATE queue SET lease_until = clock_timestamp() - interval '1 second'")
        let next = try Self.engine(allowing: ["127.0.0.1"])
        #expect(try next.rescue(on: connection) == 1)
        let repeated = try park(next)
        // The first worker was only slow: what it has is not recorded.
        guard case .lost = try engine.resume(run, on: connection, Cancellation()) else {
            throw TestFailure("a lost run was continued")
        }
        try call(repeated, next)
        let execution = try find(id)
        #expect(execution.status == .completed && execution.steps.count == 1 && execution.steps[0].attempt == 2)
        #expect(server.requests.map { $0.fields["idempotency-key"] } == ["\(id)-1", "\(id)-1"])
    }

    @Test func cancelAbortsTheCall() throws {
        let asked = try WakeUp()
        let server = try LoopbackServer { _ in
            asked.signal()
            return .trickle("HTTP/1.1 200 OK\r\n\r\n")
        }
        let id = try enqueue(["url": .string(server.url)])
        let (run, cancellation, ready) = (try park(engine), Cancellation(), try WakeUp())
        engine.begin(run, cancellation) { ready.signal() }
        asked.wait(until: .now + .seconds(20))
        #expect(try engine.cancel(find(id), on: connection))
        cancellation.request()
        let duration = ContinuousClock().measure {
            engine.abandon(run, ifWaiting: false)
            ready.wait(until: .now + .seconds(20))
        }
        #expect(duration < .seconds(2))
        guard case .lost = try engine.resume(run, on: connection, cancellation) else {
            throw TestFailure("a canceled run was continued")
        }
        #expect(try find(id).status == .canceled)
    }

    @Test(
        arguments: [
            (["url": "http://127.0.0.1:%/"], "blocked_address"), (["url": "http://localhost:%/"], "blocked_address"),
            (["url": "http://[::ffff:127.0.0.1]:%/"], "blocked_address"),
            (["url": "http://0x7f.1:%/"], "blocked_address"),
            (["url": "http://2130706433:%/"], "blocked_address"),
            (["url": "http://169.254.169.254/"], "blocked_address"),
        ] as [(JSON, String)])
    func privateAddressesAreRefused(input: JSON, code: String) throws {
        let server = try LoopbackServer { _ in .ok() }
        let url = (input["url"]?.stringValue ?? "").split(separator: "%").joined(separator: "\(server.port)")
        let execution = try run(["url": .string(url)], on: try Self.engine(allowing: []))
        #expect(execution.steps.last?.failure?.code == code)
        #expect(server.connections == 0)
    }

    /// Nothing is sent, and the step is not retried.
    @Test(
        arguments: [
            ["url": "file:///etc/passwd"], ["url": "http://user:word@example.org/"],
            ["url": "http://example.org/\r\nX: 1"],
            ["url": "http://example.org/", "headers": ["X": "1\r\nY: 2"]],
            ["url": "http://example.org/", "headers": ["X: 1\r\nY": "2"]],
            ["url": "http://example.org/", "headers": ["Host": "localhost"]],
            ["url": "http://example.org/", "headers": ["Content-Length": "5"]],
            ["url": "http://example.org/", "method": "POST", "body": 1, "text": "1"],
            ["url": "http://example.org/", "method": "HEAD", "body": 1],
        ] as [JSON])
    func invalidRequestsAreRefused(input: JSON) throws {
        let id = try enqueue(input, retry: ["max_attempts": 3])
        let claim = try #require(try engine.claim(on: connection))
        _ = try engine.execute(claim, on: connection, Cancellation())
        let execution = try find(id)
        #expect(execution.status == .failed)
        #expect(execution.steps.map(\.failure?.code) == ["invalid_input"] && execution.steps[0].attempt == 1)
    }

    @Test func guestsSendNoRequests() throws {
        try database.connect().execute("UPDATE users SET role = 'guest' WHERE id = \(Self.userID)")
        let id = try enqueue(["url": "http://example.org/"])
        let claim = try #require(try engine.claim(on: connection))
        _ = try engine.execute(claim, on: connection, Cancellation())
        #expect(try find(id).steps.last?.failure?.code == "not_for_guests")
    }
}
