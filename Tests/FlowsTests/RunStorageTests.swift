import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// What runs keep counts, and a full user's runs store nothing more.
@Suite struct RunStorageTests {
    private let fixture: EngineFixture
    private let owner: Connection
    private var connection: Connection { fixture.connection }

    init() throws {
        fixture = try EngineFixture()
        owner = fixture.runner.database.connect()
    }

    private func work(_ engine: Engine) throws {
        while let claim = try engine.claim(on: connection) {
            _ = try engine.execute(claim, on: connection, Cancellation())
        }
    }

    private func counted() throws -> Int {
        try owner.query("SELECT coalesce(sum(bytes), 0)::bigint FROM storage").only.decode(Int.self)
    }

    /// Runs of workers make small changes too.
    @Test func aRunOfAFullUserStoresNothing() throws {
        var limits = Engine.Limits()
        limits.storage = StorageQuota(user: 20_000, guest: 20_000)
        let engine = EngineFixture.engine(limits: limits)
        let flow = FlowText.flow(
            start: "a", ["a": "question"], [FlowText.condition("c", after: "a", success: "a", failure: "end")]
        ).replacing(["tasks", "0", "max_visits"], with: 100)
        let run = Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: flow, input: "start")
        try engine.enqueue(run, try engine.plan(flow, for: RunnerFixture.userID, on: connection), on: connection)
        try work(engine)
        let text = JSON.string(String(repeating: "x", count: 3_000))
        for _ in 0..<40 {
            guard try fixture.signal(run, with: text) else { break }
            try work(engine)
            _ = try limits.storage.fold(on: owner)
        }
        #expect(try counted() < 30_000)
        #expect(try fixture.find(run).failure?.code == "quota_exceeded")
    }

    @Test func aCanceledStepKeepsNothingThatDoesNotCount() throws {
        let flow = FlowText.chain(["question"]).replacing(
            ["tasks", "0", "input"], with: .string(String(repeating: "x", count: 500_000)))
        let workflow = try fixture.store(flow)
        for _ in 0..<3 {
            let run = try fixture.start(workflow)
            try fixture.work()
            #expect(try fixture.engine.cancel(fixture.find(run), on: connection))
        }
        let kept = try owner.query("SELECT coalesce(sum(octet_length(output::text)), 0)::bigint FROM steps").only
            .decode(Int.self)
        #expect(try kept <= counted())
    }

    /// The inputs of earlier forks are kept with each fork: they count, and they are a part of its record.
    @Test func theInputsOfEarlierForksCount() throws {
        var fixture = fixture
        fixture.engine = EngineFixture.engine([TestTask("small") { _, _ in 1 }])
        let flow = FlowText.chain(Array(repeating: "small", count: 30))
        var run = try fixture.start(try fixture.store(flow), input: [1])
        try fixture.work()
        let text = JSON.array([.string(String(repeating: "x", count: 1_000_000))])
        let refusal = #expect(throws: LaunchRefusal.self) {
            for step in 2...30 {
                let forked = try fixture.engine.fork(
                    fixture.find(run), from: step, input: text, version: nil, on: connection)
                run = try #require(forked)
                try fixture.work()
            }
        }
        guard case .invalid(let problems) = refusal else { Issue.record("\(refusal as Any)"); return }
        #expect(problems.map(\.pointer) == ["/input"])
        let kept = try owner.query(
            """
            SELECT sum(octet_length(input::text) + coalesce(octet_length(fork_input::text), 0)
                + coalesce(octet_length(copied_inputs::text), 0))::bigint FROM executions
            """
        ).only.decode(Int.self)
        #expect(try kept <= counted())
    }

    @Test func theVersionOfADeletedWorkflowGoesWithItsLastRun() throws {
        let workflow = try fixture.store(["pass"])
        let id = try #require(workflow.source.workflowID)
        let run = try fixture.start(workflow)
        try fixture.work()
        try connection.execute("UPDATE workflows SET deleted_at = now() WHERE id = \(id)")
        try connection.pipeline(
            RunRemoval.removingVersions(of: id, ownedBy: RunnerFixture.userID, counting: .unlimited))
        #expect(try fixture.find(run).delete(counting: .unlimited, on: connection))
        #expect(try owner.query("SELECT FROM workflow_versions WHERE workflow_id = \(id)").isEmpty)
    }
}
