import Flows
import JSON
import Postgres
import TestSupport
import Testing

/// A queued run whose effect meets a transaction that does not end, as a stopped worker leaves one behind.
@Suite struct BlockedRunTests {
    private let place: RunnerPlace
    /// One that does not wait long for others.
    private let connection: Connection
    private let catalog = TaskCatalog(
        [TestTask("keep", effect: .transactional, body: RunnerPlace.keep)])

    init() throws {
        place = try RunnerPlace()
        var configuration = place.database.application
        configuration.lockTimeout = .milliseconds(10)
        connection = Connection(configuration)
    }

    @Test func isNotGivenUpHoweverOftenItIsTried() throws {
        let other = place.database.connect()
        try other.begin()
        try other.execute(RunnerPlace.insertion(of: "1", value: "theirs"))
        try enqueue()
        for _ in 0...(2 * Claim.most) {
            guard case .postponed = try work() else {
                Issue.record("not postponed")
                return
            }
        }

        other.rollback()
        guard case .ended = try work() else {
            Issue.record("did not end")
            return
        }
        #expect(try place.committed().status == "completed")
    }

    private func enqueue() throws {
        let json = FlowText.chain(["keep"])
        var reader = FlowReader(catalog: catalog)
        let read = reader.read(json)
        let flow = try #require(read)
        let execution = Execution(id: RunnerPlace.executionID, userID: RunnerPlace.userID, flow: json, input: 1)
        let budget = Budget(for: flow, at: try PriceList(on: connection))
        try connection.atomically { connection in
            _ = try connection.pipeline(Queue.enqueue(execution, budget: budget, maxConcurrentRuns: nil))
        }
    }

    /// What comes of the next claim, made due at once.
    private func work() throws -> Runner.Work {
        try place.database.connect().execute("UPDATE queue SET available_at = clock_timestamp()")
        let lease = try place.database.connect().query("SELECT gen_random_uuid()::text").only.decode(String.self)
        let claim = try #require(try Queue.claim(lease: lease, maxConcurrentRuns: nil, on: connection))
        return try Runner.work(on: claim, flows: FlowCache(catalog: catalog), on: connection, Cancellation())
    }
}
