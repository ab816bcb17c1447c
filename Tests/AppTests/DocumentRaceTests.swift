import Dispatch
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Calls that store, delete or cancel something at the same moment.
@Suite struct DocumentRaceTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    /// Makes both calls again and again at the same time, each over its own connection, and returns their statuses.
    private func statuses(_ count: Int, _ calls: [(method: String, target: String, body: JSON)]) -> [[Int]] {
        let product = Application(services: application.services, clock: { [clock = application.clock] in clock.now })
        let headers = [("Content-Type", "application/json"), application.bearer(user.token)]
        let (database, statuses) = (application.database, calls.map { _ in Recording<Int>() })
        DispatchQueue.concurrentPerform(iterations: calls.count) { number in
            let connection = database.connectAsApplication()
            let (method, target, body) = calls[number]
            for _ in 0..<count {
                let reply = product.reply(
                    to: Request(method, target, headers),
                    readingBody: { policy throws(Rejection) in try policy.body(from: body.serialized()) },
                    over: connection)
                statuses[number].add(reply.initial.status.rawValue)
            }
        }
        return statuses.map(\.all)
    }

    /// A document that is stored while it is deleted is created or replaced.
    @Test func storingIsNotDisturbedByDeletions() {
        let results = statuses(
            400, [("PUT", "/api/data/a", ["value": 1]), ("DELETE", "/api/data/a", .null)])
        #expect(Set(results[0]) == [200])
        #expect(Set(results[1]).isSubset(of: [204, 404]))
    }

    /// A canceled run may be deleted at once: the call that has canceled it shows it nevertheless.
    @Test func aCanceledRunIsShownIfItIsDeletedAtOnce() throws {
        for _ in 0..<40 {
            let run = try application.post(
                "/flow-manager", .flow([.task("a", "approval")]), token: user.token, headers: [("Prefer", "wait=0")])
            let path = "/api/executions/\(run["id"].stringValue ?? "")"
            let results = statuses(1, [("POST", "\(path)/cancel", .null), ("DELETE", path, .null)])
            #expect(results[0] == [200] && [[204], [409]].contains(results[1]), "\(results)")
        }
    }
}
