import Flows
import Glibc
import HTTP
import JSON
import Postgres
import Synchronization
import System
import TestSupport

@testable import App

/// The application in process, with its own database and the demo profile: all stages from a request to its reply,
/// without nginx, sockets and workers.
final class TestApplication: Caller {
    let database: TestDatabase
    /// The connection of all calls.
    let connection: Connection
    let services: Services
    /// Calls that wait for a run to end, oldest first.
    let waits = Recording<(wait: CompletionWait, response: PendingResponse)>()
    /// The events reported for the log.
    let events = Recording<ApplicationEvent>()
    let clock = TestClock()
    private let application: Application

    /// - Parameters:
    ///   - endpoints: additional endpoints of the test.
    ///   - settings: changes the settings of the services.
    init(endpoints: [Endpoint<Context>]? = nil, _ settings: (inout TestServices) throws -> Void = { _ in }) throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
        var chosen = TestServices()
        chosen.watchCompletion = { [waits] in waits.add(($0, $1)) }
        chosen.observe = { [events] in events.add($0) }
        try settings(&chosen)
        services = try chosen.make()
        application = Application(
            services: services, endpoints: Routes.all + (endpoints ?? []), clock: { [clock] in clock.now })
        try DemoProfile.seed(
            clientPassword: "clientpass", adminPassword: DemoProfile.adminPassword, passwords: services.passwords,
            welcome: services.welcome, on: connection)
    }

    /// The reply to a request with a body that is read from these bytes.
    func reply(to request: Request, body: [UInt8] = [], over other: Connection? = nil) -> Reply {
        reply(to: request, readingBody: { policy throws(Rejection) in try policy.body(from: body) }, over: other)
    }

    func reply(to request: Request, readingBody read: BodyReader, over other: Connection? = nil) -> Reply {
        application.reply(to: request, readingBody: read, over: other ?? connection)
    }

    /// The response to a request; for a call that waits, the initial response.
    func send(
        _ method: String, _ target: String, headers: [(String, String)], body: [UInt8]?
    ) throws -> HTTPAnswer {
        sent(reply(to: Request(method, target, headers), body: body ?? []))
    }

    /// Posts from the given address, because the local address is not limited.
    func post(_ target: String, _ body: JSON, from address: String, token: String? = nil) throws -> HTTPAnswer {
        send("POST", target, body, from: address, token: token)
    }

    func send(
        _ method: String, _ target: String, _ body: JSON, from address: String, token: String? = nil
    ) -> HTTPAnswer {
        let headers = [("Content-Type", "application/json")] + (token.map { [bearer($0)] } ?? [])
        let request = Request(method, target, headers, from: address)
        return sent(reply(to: request, body: body.serialized()))
    }

    private func sent(_ reply: Reply) -> HTTPAnswer {
        reply.onSent?()
        return HTTPAnswer(reply.initial)
    }

    /// Executes the runs that are due, as a worker does.
    func work() throws {
        while let claim = try services.engine.claim(on: connection) {
            _ = try services.engine.execute(claim, on: connection, Cancellation())
        }
    }

    /// The same product, for a call on another thread over a connection of its own.
    func makeProduct() -> Application {
        let now = clock.now
        return Application(services: services, clock: { now })
    }

    /// The result of a counting query, run as the owner of the database.
    func count(_ query: SQL) throws -> Int { try database.connect().query(query).only.decode(Int.self) }
}

extension Request {
    convenience init(
        _ method: String, _ target: String, _ headers: [(String, String)] = [], from address: String = "127.0.0.1"
    ) {
        var fields = Headers()
        for (name, value) in headers { fields.append(name: name.lowercased(), value: value) }
        self.init(method: method, target: target, headers: fields, remoteAddress: address)
    }
}

extension HTTPAnswer {
    init(_ response: Response) {
        self.init(status: response.status.rawValue, headers: response.headers, body: response.bytes)
    }
}

extension BodyPolicy {
    /// The body that the edge would pass on for these bytes.
    func body(from bytes: [UInt8]) throws(Rejection) -> RequestBody {
        guard bytes.count <= limit else { throw .bodyTooLarge(limit: limit) }
        switch self {
        case .none: return .empty
        case .memory: return .bytes(bytes)
        case .file:
            guard let file = OpenFile(holding: bytes) else { throw .bodyNotStored }
            return .file(file)
        }
    }
}

extension OpenFile {
    /// A temporary file without a name.
    fileprivate convenience init?(holding bytes: [UInt8]) {
        var template = Array("/tmp/body.XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&template)
        guard descriptor >= 0 else { return nil }
        unsafe unlink(template)
        guard Files.write(bytes, to: descriptor) else { return nil }
        self.init(descriptor, length: bytes.count) { close($0) }
    }
}

/// A clock that stands still until a test advances it, in seconds since 1970.
final class TestClock: Sendable {
    private let seconds = Atomic(Int64(time(nil)))

    var now: Int64 { seconds.load(ordering: .relaxed) }

    func advance(by count: Int64) { seconds.add(count, ordering: .relaxed) }
}
