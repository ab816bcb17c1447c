import Glibc
import JSON
import Postgres
import TestSupport
import Testing

/// Calls that wait, and what they wait for.
extension Stack {
    /// Sends a flow, whose answer `client.finish` reads.
    func begin(_ flow: JSON, of user: TestUser, _ headers: [(String, String)] = []) throws -> Int32 {
        try client.begin(
            client.message(
                "POST", "/flow-manager", headers: [bearer(user.token), ("Content-Type", "application/json")] + headers,
                body: flow.serialized()))
    }

    /// The ids of the user's runs that wait for somebody, as soon as there are so many.
    func waiting(_ count: Int, of user: TestUser) throws -> [String] {
        let connection = database.connect()
        var ids: [String] = []
        try eventually("so many wait") {
            ids = try connection.query(
                "SELECT execution_id FROM queue WHERE user_id = \(user.id) AND state = 'waiting'"
            ).map { try $0.decode(String.self) }
            return ids.count == count
        }
        return ids
    }

    /// Releases a run that waits for approval.
    func signal(
        _ id: String, of user: TestUser, _ data: JSON = .null, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let answer = try post("/api/executions/\(id)/signal", ["approved": true, "data": data], token: user.token)
        #expect(answer.status == 202, "\(answer.text)", sourceLocation: sourceLocation)
    }
}

extension JSON {
    /// A flow that waits for approval, and gives what was said then.
    static let approval = flow([.task("a", "approval")])
}

/// Returns as soon as it is so. For rows only: the database notifies nobody of their changes. A machine that runs all
/// tests is slow, so the limit is a minute.
func eventually(_ what: String, _ isSo: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
        if try isSo() { return }
        poll(nil, 0, 10)
    }
    throw TestFailure("not so in a minute: \(what)")
}
