import HTTP
import Postgres
import System
import TestSupport
import Testing

@testable import App

/// Calls that have waited for a thread for too long are refused: their client may have given up, and those behind them
/// wait as well.
@Suite struct QueueTimeoutTests {
    let application: TestApplication

    init() throws { application = try TestApplication { $0.queueTimeout = .seconds(5) } }

    private func answer(_ path: String, waiting time: Duration?, isOverloaded: Bool = false) -> HTTPAnswer {
        let now = WallClock.nanoseconds / 1_000_000
        let request = Request(
            method: "GET", target: path, remoteAddress: "127.0.0.1", queuedAt: time.map { now - $0.milliseconds })
        return HTTPAnswer(
            application.makeProduct().reply(
                to: request, readingBody: { _ throws(Rejection) in .empty }, over: application.connection,
                isOverloaded: isOverloaded
            ).initial)
    }

    @Test func theyAreRefused() throws {
        let refused = answer("/ready", waiting: .seconds(6))
        expectProblem(refused, 503, "unavailable")
        #expect(refused.headers["retry-after"] == "1")
        #expect(application.events.all.contains { if case .limitHit("queue_timeout") = $0 { true } else { false } })
        // One that failed would be logged, which is no help under overload.
        #expect(!application.events.all.contains { if case .requestFailed = $0 { true } else { false } })
        for time: Duration? in [nil, .zero, .seconds(4), .seconds(-60), .seconds(86_400)] {
            #expect(answer("/ready", waiting: time).status == 200, "\(String(describing: time))")
        }
    }

    @Test(arguments: ["/health", "/", "/openapi.json", "/postman.json", "/status"])
    func whatNeedsNoDatabaseIsAnswered(path: String) {
        #expect(answer(path, waiting: .seconds(6)).status == answer(path, waiting: nil).status)
        #expect(answer(path, waiting: nil, isOverloaded: true).status == answer(path, waiting: nil).status)
    }

    @Test func underOverloadTheyAreRefusedAtOnce() {
        #expect(answer("/ready", waiting: nil, isOverloaded: true).status == 503)
    }

    @Test func endpointsWithoutADatabaseUseNone() throws {
        let unreachable = Connection(try PostgresConfiguration("host=/nonexistent"))
        for endpoint in Routes.all where !endpoint.usesDatabase {
            let request = Request(method: "GET", target: endpoint.path, remoteAddress: "127.0.0.1")
            let reply = application.makeProduct().reply(
                to: request, readingBody: { _ throws(Rejection) in .empty }, over: unreachable)
            #expect([.ok, .notFound].contains(reply.initial.status), "\(endpoint.operation)")
        }
    }
}
