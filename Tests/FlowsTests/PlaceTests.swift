import Crypto
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// Which runs hold the places of a workflow with a concurrency limit.
@Suite struct PlaceTests {
    private let fixture: EngineFixture
    private let owner: Connection
    private var connection: Connection { fixture.connection }

    init() throws {
        fixture = try EngineFixture()
        owner = fixture.runner.database.connect()
    }

    /// A workflow that starts runs of another one, and then asks a question unless it has another end.
    private func store(
        starting workflow: String, count: Int = 1, as id: String = UUIDv7.make(), timeout: Double? = nil,
        then end: [String] = ["question"]
    ) throws -> StoredFlow {
        let flow = FlowText.chain(["start"] + end).replacing(
            ["tasks", "0", "input"], with: ["workflow": .string(workflow), "count": JSON(count)])
        return try fixture.store(
            timeout.map { flow.replacing(["tasks", "0", "timeout"], with: .number($0)) } ?? flow, as: id,
            concurrency: 1)
    }

    private func answer(_ execution: Execution) throws {
        #expect(try fixture.signal(execution, with: "yes"))
        try fixture.work()
    }

    private func status(_ execution: Execution) throws -> ExecutionStatus { try fixture.find(execution).status }

    private func children(of execution: Execution) throws -> [Execution] {
        try owner.query("SELECT id FROM executions WHERE parent_id = \(execution.id) ORDER BY id").map { row in
            let found = try Execution.find(row.decode(String.self), of: execution.userID, on: connection)
            return try #require(found).execution
        }
    }

    private func setConcurrency(_ number: Int?, of workflow: StoredFlow) throws {
        let id = try #require(workflow.source.workflowID)
        try owner.execute("UPDATE workflows SET concurrency = \(optional: number) WHERE id = \(id)")
        try fixture.engine.applyLimit(ofWorkflow: id, of: RunnerFixture.userID, on: connection)
        try fixture.work()
    }

    @Test func aRunKeepsItsPlaceUntilItEnds() throws {
        let workflow = try fixture.store(["question"], concurrency: 2)
        let runs = try (0..<4).map { _ in try fixture.start(workflow) }
        try fixture.work()
        #expect(try runs.map(status) == [.waiting, .waiting, .queued, .queued])
        try answer(runs[1])
        #expect(try runs.map(status) == [.waiting, .completed, .waiting, .queued])
    }

    /// The runs that wait for others let further ones begin, and are admitted before those that have not begun.
    @Test func aRunThatWaitsForRunsHoldsNoPlace() throws {
        let child = try fixture.store(["question"])
        let workflow = try store(starting: child.source.workflowID ?? "")
        let runs = try (0..<3).map { _ in try fixture.start(workflow) }
        try fixture.work()
        #expect(try runs.map(status) == [.waiting, .waiting, .waiting], "for their runs")
        try answer(children(of: runs[2])[0])
        #expect(try fixture.find(runs[2]).steps.map(\.status) == [.success, .waiting], "it holds the place")
        let late = try fixture.start(workflow)
        try answer(children(of: runs[1])[0])
        #expect(try status(runs[1]) == .queued && status(late) == .queued)
        try answer(runs[2])
        #expect(try status(runs[1]) == .waiting && status(late) == .queued)
        #expect(try fixture.find(runs[1]).steps.count == 2)
    }

    @Test func workflowsThatStartEachOtherDoNotWaitForEver() throws {
        let ids = [UUIDv7.make(), UUIDv7.make()]
        let workflows = [
            try store(starting: ids[1], as: ids[0], then: []), try store(starting: ids[0], as: ids[1], then: []),
        ]
        let runs = try workflows.map { try fixture.start($0) }
        try fixture.work()
        #expect(try runs.map(status) == [.completed, .completed])
        let failures = try owner.query("SELECT error->>'code' FROM steps WHERE status = 'failure'")
        #expect(try failures.map { try $0.decode(String.self) } == ["too_deep", "too_deep"])
        #expect(try owner.query("SELECT FROM queue").isEmpty)
    }

    @Test func theRunsOfAStepCountToo() throws {
        let child = try fixture.store(["question"], concurrency: 1)
        let parent = try fixture.start(store(starting: child.source.workflowID ?? "", count: 3))
        try fixture.work()
        for number in 0..<3 {
            let runs = try children(of: parent)
            let ended = Array(repeating: ExecutionStatus.completed, count: number)
            let queued = Array(repeating: ExecutionStatus.queued, count: 2 - number)
            #expect(try runs.map(status) == ended + [.waiting] + queued)
            try answer(runs[number])
        }
        #expect(try fixture.find(parent).steps.map(\.status) == [.success, .waiting])
    }

    /// The time of a step that waits for runs ends while another run has the place.
    @Test func aRunWhoseStepTimesOutWaitsForItsPlace() throws {
        let child = try fixture.store(["question"])
        let workflow = try store(starting: child.source.workflowID ?? "", timeout: 30)
        let first = try fixture.start(workflow)
        try fixture.work()
        let second = try fixture.start(workflow)
        try fixture.work()
        try answer(children(of: second)[0])
        try owner.execute(
            "UPDATE queue SET available_at = now() - interval '1 second' WHERE execution_id = \(first.id)")
        try fixture.work()
        #expect(try status(first) == .queued)
        try answer(second)
        // The step's own clock has not run out: it waits again.
        #expect(try status(first) == .waiting)
    }

    @Test func aChangedLimitAppliesToTheRunsInTheQueue() throws {
        let workflow = try fixture.store(["question"], concurrency: 1)
        let runs = try (0..<6).map { _ in try fixture.start(workflow) }
        try fixture.work()
        try setConcurrency(3, of: workflow)
        #expect(try runs.map(status) == [.waiting, .waiting, .waiting, .queued, .queued, .queued])
        try setConcurrency(1, of: workflow)
        try answer(runs[0])
        #expect(try runs[3...].map(status) == [.queued, .queued, .queued], "two still hold a place")
        try setConcurrency(nil, of: workflow)
        #expect(try runs[3...].map(status) == [.waiting, .waiting, .waiting])
        let unlimited = try fixture.start(workflow)
        try setConcurrency(2, of: workflow)
        #expect(try status(unlimited) == .queued, "five others have begun")
        for run in runs[1...3] { try answer(run) }
        #expect(try status(unlimited) == .queued)
        try answer(runs[4])
        #expect(try status(unlimited) == .waiting)
    }

    @Test func aResumedRunNeedsAPlace() throws {
        let workflow = try fixture.store(["question"], concurrency: 1)
        let (first, second) = (try fixture.start(workflow), try fixture.start(workflow))
        try fixture.work()
        #expect(try fixture.engine.cancel(first, on: connection))
        try fixture.work()
        #expect(try status(second) == .waiting)
        #expect(try fixture.engine.resume(fixture.find(first), try fixture.plan(first), on: connection))
        try fixture.work()
        #expect(try status(first) == .queued)
        try answer(second)
        #expect(try status(first) == .waiting)
    }

    /// A process died between waking a run and admitting it, or a limit changed in between.
    @Test func overlookedRunsAreAdmitted() throws {
        let limited = try fixture.store(["question"], concurrency: 1)
        let free = try fixture.store(["question"])
        let runs = [try fixture.start(limited), try fixture.start(limited), try fixture.start(free)]
        try owner.execute("UPDATE queue SET is_admitted = false, is_limited = true")
        try fixture.work()
        #expect(try runs.map(status) == [.queued, .queued, .queued])
        try fixture.engine.admitOverlooked(on: connection)
        try fixture.work()
        #expect(try runs.map(status) == [.waiting, .queued, .waiting])
    }

    /// A call of a duty that has no time does one piece of its work; the next call continues.
    @Test func dutiesContinueInTheNextRound() throws {
        let child = try fixture.store(["question"])
        let runs = try (0..<3).map { _ in
            try fixture.start(store(starting: child.source.workflowID ?? "", timeout: 30))
        }
        try fixture.work()
        try owner.execute(
            "UPDATE queue SET available_at = now() - interval '1 second' WHERE parent_id IS NULL")
        for _ in runs { #expect(try fixture.engine.wakeDue(for: .zero, on: connection) == 1) }
        #expect(try fixture.engine.wakeDue(for: .zero, on: connection) == 0)
        try owner.execute("UPDATE queue SET state = 'queued', is_admitted = false WHERE parent_id IS NULL")
        for number in 1...runs.count {
            try fixture.engine.admitOverlooked(for: .zero, on: connection)
            #expect(try owner.query("SELECT FROM queue WHERE is_limited AND is_admitted").count == number)
        }
    }

    /// They do not fail either, which would make the worker pause.
    @Test func dutiesPassOverAUserWhoseLockIsHeld() throws {
        let child = try fixture.store(["question"])
        _ = try fixture.start(store(starting: child.source.workflowID ?? "", timeout: 30))
        try fixture.work()
        try owner.execute(
            "UPDATE queue SET available_at = now() - interval '1 second' WHERE parent_id IS NULL")
        let held = try HeldRows("SELECT lock_places(\(RunnerFixture.userID))", in: fixture.runner.database)
        #expect(try fixture.engine.wakeDue(on: connection) == 0)
        try owner.execute("UPDATE queue SET state = 'queued' WHERE parent_id IS NULL")
        try fixture.engine.admitOverlooked(on: connection)
        #expect(try owner.query("SELECT FROM queue WHERE is_limited AND is_admitted").isEmpty)
        held.release()
        try fixture.engine.admitOverlooked(on: connection)
        #expect(try owner.query("SELECT FROM queue WHERE is_limited AND is_admitted").count == 1)
    }

    /// As a resume does: two calls that lock the record and the places in different orders would wait for each other.
    @Test func aForkLocksTheRecordAfterThePlaces() throws {
        let run = try fixture.start(fixture.store(["pass"], concurrency: 1))
        try fixture.work()
        let (engine, former, database) = (fixture.engine, try fixture.find(run), fixture.runner.database)
        let held = try HeldRows("SELECT lock_places(\(RunnerFixture.userID))", in: database)
        let fork = try held.commit(
            whileWaiting: {
                try engine.fork(former, from: 1, input: nil, version: nil, on: database.connectAsApplication())?.id
            }, finally: { try $0.execute("SELECT FROM executions WHERE id = \(former.id) FOR UPDATE NOWAIT") })
        #expect(fork != nil)
    }

    /// The call has read the workflow before the limit was set.
    @Test func aFirstLimitAppliesToRunsThatAreQueuedAtThatMoment() throws {
        let workflow = try fixture.store(["question"])
        try setConcurrency(1, of: workflow)
        let runs = try (0..<2).map { _ in try fixture.start(workflow) }
        try fixture.engine.admitOverlooked(on: connection)
        try fixture.work()
        #expect(try runs.map(status) == [.waiting, .queued])
        #expect(try fixture.engine.cancel(runs[0], on: connection))
        try fixture.engine.admitOverlooked(on: connection)
        let plan = try fixture.plan(runs[0])
        #expect(try fixture.engine.resume(fixture.find(runs[0]), plan, on: connection))
        try fixture.work()
        #expect(try runs.map(status) == [.queued, .waiting])
    }

    /// The limit is set while the transaction that queues the run is open.
    @Test func aFirstLimitWaitsForRunsThatAreBeingQueued() throws {
        let workflow = try fixture.store(["question"])
        let id = workflow.source.workflowID ?? ""
        let database = fixture.runner.database
        let call = database.connectAsApplication()
        try call.begin()
        let session = try call.query("SELECT pg_backend_pid()").only.decode(Int.self)
        let run = Execution(
            id: UUIDv7.make(), userID: RunnerFixture.userID, source: workflow.source, flow: workflow.flow, input: 1)
        try fixture.engine.enqueue(run, try fixture.plan(run), on: call)
        try owner.execute("UPDATE workflows SET concurrency = 1 WHERE id = \(id)")
        let (engine, hasEnded) = (fixture.engine, DispatchSemaphore(value: 0))
        Thread.detachNewThread {
            try? engine.applyLimit(ofWorkflow: id, of: RunnerFixture.userID, on: database.connectAsApplication())
            hasEnded.signal()
        }
        let isBlocked: SQL = "SELECT FROM pg_locks WHERE NOT granted AND \(session) = ANY(pg_blocking_pids(pid))"
        var isOver = false
        while try !isOver && owner.query(isBlocked).isEmpty {
            isOver = hasEnded.wait(timeout: .now() + .milliseconds(2)) == .success
        }
        try call.commit()
        if !isOver { hasEnded.wait() }
        #expect(try owner.query("SELECT FROM queue WHERE is_limited").count == 1)
    }

    @Test func theEndOfATreeFreesItsPlaces() throws {
        let leaf = try fixture.store(["question"], concurrency: 1)
        let middle = try store(starting: leaf.source.workflowID ?? "", count: 2)
        let root = try fixture.start(store(starting: middle.source.workflowID ?? "", count: 2))
        try fixture.work()
        let (other, stranger) = (try fixture.start(leaf), try fixture.start(middle))
        #expect(try fixture.engine.cancel(root, on: connection))
        #expect(try owner.query("SELECT count(*) FROM executions WHERE status = 'canceled'").only.decode(Int.self) == 7)
        try fixture.work()
        #expect(try status(other) == .waiting)
        #expect(try status(stranger) == .waiting)
    }

    /// A limit that comes while a run waits for runs of the same workflow.
    @Test func aRunThatWaitsForRunsHoldsNoPlaceUnderANewLimit() throws {
        let id = UUIDv7.make()
        let flow = FlowText.chain(["start", "pass"]).replacing(
            ["tasks", "0", "input"], with: ["workflow": .string(id), "count": 1])
        let parent = try fixture.store(flow, as: id)
        let run = try fixture.start(parent)
        let claim = try #require(try fixture.engine.claim(on: connection))
        _ = try fixture.engine.execute(claim, on: connection, Cancellation())
        try owner.execute("UPDATE workflows SET concurrency = 1 WHERE id = \(id)")
        try fixture.engine.applyLimit(ofWorkflow: id, of: RunnerFixture.userID, on: connection)
        for _ in 0..<3 {
            try fixture.engine.admitOverlooked(on: connection)
            try fixture.engine.wakeDue(on: connection)
            try fixture.work()
        }
        #expect(try status(run).isEnd)
    }

    /// The end of an account starts nothing and waits for no worker.
    @Test func theEndOfAnAccountAdmitsNoRuns() throws {
        let workflow = try fixture.store(["question"], concurrency: 1)
        for _ in 0..<3 { _ = try fixture.start(workflow) }
        try fixture.work()
        // A run that is being committed is left for the next portion.
        let other = fixture.runner.database.connect()
        try other.begin()
        try other.execute("SELECT FROM queue WHERE NOT is_admitted ORDER BY execution_id LIMIT 1 FOR UPDATE")
        try connection.execute("SET lock_timeout = '2s'")
        #expect(try fixture.engine.endRuns(ofEndedAccount: RunnerFixture.userID, on: connection) == 2)
        other.rollback()
        #expect(try owner.query("SELECT FROM queue WHERE is_admitted").isEmpty)
    }
}

/// The limit of the runs of a tree.
@Suite struct TreeTests {
    @Test func onlyRunsThatAreQueuedCount() throws {
        var fixture = try EngineFixture()
        fixture.engine = EngineFixture.engine([LateStart()])
        let child = try fixture.store(["pass"]).source.workflowID ?? ""
        let late = FlowText.chain(["start late"]).replacing(["tasks", "0", "timeout"], with: 0.02)
            .replacing(["tasks", "0", "input"], with: .string(child))
        let start = FlowText.chain(["start"]).replacing(
            ["tasks", "0", "input"], with: ["workflow": .string(child), "count": 3])
        let runs = try [late, start].map { try fixture.start(fixture.store($0)) }
        try fixture.work()
        #expect(try fixture.find(runs[0]).steps.map(\.failure?.code) == ["timeout"])
        let counts = try runs.map { run in
            try fixture.connection.query("SELECT descendants FROM executions WHERE id = \(run.id)").only
                .decode(Int.self)
        }
        #expect(counts == [0, 3])
    }

    @Test func aWorkflowThatMultipliesItselfIsStopped() throws {
        let events = Recording<EngineEvent>()
        var fixture = try EngineFixture()
        var limits = Engine.Limits()
        limits.descendants = 40
        fixture.engine = EngineFixture.engine(limits: limits) { events.add($0) }
        let id = UUIDv7.make()
        let flow = FlowText.chain(["start"]).replacing(
            ["tasks", "0", "input"], with: ["workflow": .string(id), "count": 5])
        let run = try fixture.start(try fixture.store(flow, as: id))
        try fixture.work()
        let owner = fixture.runner.database.connect()
        #expect(try owner.query("SELECT FROM queue").isEmpty)
        let reasons = try owner.query(
            "SELECT DISTINCT error->>'code' FROM steps WHERE status = 'failure'"
        ).map { try $0.decode(String.self) }
        #expect(reasons == ["too_many_descendants"])
        #expect(try owner.query("SELECT count(*) FROM executions").only.decode(Int.self) == 41)
        #expect(events.take().filter { $0 == .treeFull(executionID: run.id) }.count == 1)
    }
}
