import Glibc
import JSON
import Postgres
import TestSupport
import Testing

/// Calls that wait for runs, and signals to those runs.
extension Stack {
    /// Sends a call that runs a flow. `client.finish` reads the response.
    func begin(_ flow: JSON, of user: TestUser, _ headers: [(String, String)] = []) throws -> Int32 {
        try client.begin(
            client.message(
                "POST", "/flow-manager", headers: [bearer(user.token), ("Content-Type", "application/json")] + headers,
                body: flow.serialized()))
    }

    /// Returns the ids of the user's waiting runs as soon as there are `count` of them.
    func waiting(_ count: Int, of user: TestUser) throws -> [String] {
        let connection = database.connect()
        var ids: [String] = []
        try eventually("\(count) runs wait") {
            ids = try connection.query(
                "SELECT execution_id FROM queue WHERE user_id = \(user.id) AND state = 'waiting'"
            ).map { try $0.decode(String.self) }
            return ids.count == count
        }
        return ids
    }

    /// Approves the last step of a run.
    func signal(
        _ id: String, of user: TestUser, _ data: JSON = .null, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let step = try database.connect().query("SELECT max(seq) FROM steps WHERE execution_id = \(id)").only
        let body: JSON = ["step": .integer(try step.decode(Int64.self)), "approved": true, "data": data]
        let answer = try post("/api/executions/\(id)/signal", body, token: user.token)
        #expect(answer.status == 202, "\(answer.text)", sourceLocation: sourceLocation)
    }
}

extension JSON {
    /// A flow that waits for approval and returns the data of the signal.
    static let approval = flow([.task("a", "approval")])
}

/// Polls until the condition holds. For rows only, since the database does not notify tests of their changes. The
/// timeout is a minute, since a machine that runs all tests is slow.
func eventually(_ expectation: String, _ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
        if try condition() { return }
        poll(nil, 0, 10)
    }
    throw TestFailure("not within a minute: \(expectation)")
}
