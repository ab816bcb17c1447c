import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// The maximum number of visits to each task in the rest of a run.
@Suite struct RemainingVisitsTests {
    private func read(_ json: JSON) throws -> Flow {
        var reader = FlowReader(catalog: .plain)
        let flow = reader.read(json)
        return try #require(flow, "\(reader.problems)")
    }

    private func remaining(_ flow: Flow, after visits: [String], failing: String? = nil) -> [Int] {
        var state = RunState(flow, input: .null)
        for name in visits { state.replay(flow.step(name, name == failing ? nil : 1)) }
        return state.remainingVisits
    }

    @Test func tasksThatCannotFollowAreNotVisited() throws {
        let chain = try read(FlowText.chain(["pass", "pass", "pass"]))
        #expect(remaining(chain, after: []) == [1, 1, 1])
        #expect(remaining(chain, after: ["t1"]) == [0, 1, 1])
        #expect(remaining(chain, after: ["t1", "t2", "t3"]) == [0, 0, 0])
        #expect(remaining(chain, after: ["t1"], failing: "t1") == [0, 0, 0], "the run has ended")
        let branches = try read(
            FlowText.flow(
                start: "a", ["a": "pass", "b": "pass", "c": "pass", "unreachable": "pass"],
                [FlowText.condition("d", after: "a", success: "b", failure: "c")]))
        #expect(remaining(branches, after: []) == [1, 1, 1, 0])
        #expect(remaining(branches, after: ["a"]) == [0, 1, 0, 0])
    }

    @Test func eachRoundOfALoopLeavesFewerVisits() throws {
        let loop = try read(
            FlowText.flow(
                start: "a", ["a": "pass", "b": "pass", "c": "pass"],
                [
                    FlowText.condition("d", after: "a", success: "b", failure: "c"),
                    FlowText.condition("e", after: "b", success: "a"),
                ]
            ).replacing(["tasks", "1", "max_visits"], with: 3))
        #expect(remaining(loop, after: []) == [4, 3, 1])
        #expect(remaining(loop, after: ["a"]) == [3, 3, 1])
        #expect(remaining(loop, after: ["a", "b"]) == [3, 2, 1])
        #expect(remaining(loop, after: ["a", "b", "a", "b", "a", "b"]) == [1, 0, 1])
        #expect(remaining(loop, after: ["a", "b", "a", "b", "a", "b", "a"]) == [0, 0, 0], "the limit ends the run")
        #expect(remaining(loop, after: ["a", "b", "a"], failing: "a") == [0, 0, 1])
    }

    /// Random flows with random outcomes: after each step, no task is visited more often than was computed.
    @Test(arguments: 0..<200) func noTaskIsVisitedMoreOften(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        var reader = FlowReader(catalog: .plain)
        guard let flow = reader.read(randomFlow(&random)) else { return }
        for _ in 0..<5 {
            let walk = walk(flow, &random)
            var state = RunState(flow, input: .null)
            for (index, step) in walk.enumerated() {
                let bound = state.remainingVisits
                for (position, task) in flow.tasks.enumerated() {
                    let actual = walk[index...].count { $0.task == task.name }
                    #expect(actual <= bound[position], "\(task.name) after \(index) steps of \(walk.map(\.task))")
                }
                state.replay(step)
            }
        }
    }

    /// A flow of six tasks, most of which have a limit, with edges from each task to any others.
    private func randomFlow(_ random: inout SeededGenerator) -> JSON {
        let names = ["a", "b", "c", "d", "e", "f"]
        let targets = names + ["end"]
        var flow = FlowText.flow(
            start: "a", ["a": "pass", "b": "pass", "c": "pass", "d": "pass", "e": "pass", "f": "pass"],
            names.map {
                FlowText.condition(
                    "after_\($0)", after: $0, success: targets.randomElement(using: &random) ?? "end",
                    failure: targets.randomElement(using: &random) ?? "end")
            })
        for index in names.indices where Int.random(in: 0..<3, using: &random) > 0 {
            flow = flow.replacing(
                ["tasks", "\(index)", "max_visits"], with: JSON(Int.random(in: 1...4, using: &random)))
        }
        return flow
    }

    /// The steps of a run with tasks that succeed or fail at random.
    private func walk(_ flow: Flow, _ random: inout SeededGenerator) -> [Step] {
        var (state, event, steps) = (RunState(flow, input: .null), RunState.Event.started, [Step]())
        while true {
            switch state.next(event, at: .zero) {
            case .run(let definition, _, _):
                let fails = Bool.random(using: &random)
                steps.append(flow.step(definition.name, fails ? nil : 1))
                event = state.end(fails ? nil : 1)
            case .commit, .announce: event = .committed
            case .suspend, .end: return steps
            }
        }
    }
}

/// The credits that a resume and a fork hold: for what can still happen.
@Suite struct RemainingCostTests {
    private let fixture: EngineFixture
    private var connection: Connection { fixture.connection }

    /// Each task of type `pass` costs five credits.
    init() throws {
        fixture = try EngineFixture()
        _ = try Price.set("pass", cost: 5, isActive: nil, on: connection)
    }

    private func grant(_ amount: Int64) throws {
        try connection.execute(Ledger.grant(amount, to: RunnerFixture.userID))
    }

    private func credits() throws -> [Int64] {
        let row = try connection.query("SELECT balance, held FROM credits WHERE user_id = \(RunnerFixture.userID)").only
        let (balance, held) = try row.decode(Int64.self, Int64.self)
        return [balance, held]
    }

    /// A run of two paid tasks around a question, canceled at the question, with no credits left.
    private func canceledRun() throws -> Execution {
        try grant(10)
        let run = try fixture.enqueue(["pass", "question", "pass"])
        try fixture.work()
        #expect(try credits() == [0, 5])
        #expect(try fixture.engine.cancel(run, on: connection))
        try connection.execute(Ledger.charge(5, of: RunnerFixture.userID, execution: nil))
        #expect(try credits() == [0, 0])
        return try fixture.find(run)
    }

    private func resume(_ run: Execution) throws {
        #expect(try fixture.engine.resume(run, try fixture.plan(run), on: connection))
    }

    /// Answers the question, and expects that the run has completed and that no credits are held.
    private func complete(_ run: Execution) throws {
        try fixture.work()
        #expect(try fixture.signal(fixture.find(run), with: "yes"))
        try fixture.work()
        #expect(try fixture.find(run).status == .completed)
        #expect(try credits() == [0, 0])
    }

    @Test func aResumeHoldsTheCostOfTheRest() throws {
        let run = try canceledRun()
        let refusal = #expect(throws: LaunchRefusal.self) { try resume(run) }
        guard case .insufficientCredits = refusal else { throw TestFailure("\(refusal as Any)") }
        #expect(try fixture.find(run).status == .canceled)
        try grant(5)
        try resume(run)
        #expect(try credits() == [0, 5])
        try complete(run)
        #expect(try fixture.find(run).steps.map(\.cost).reduce(0, +) == 10)
    }

    @Test func aForkHoldsTheCostOfTheRest() throws {
        let run = try canceledRun()
        let refusal = #expect(throws: LaunchRefusal.self) { try fork(run) }
        guard case .insufficientCredits = refusal else { Issue.record("\(refusal as Any)"); return }
        try grant(5)
        let forked = try #require(try fork(run))
        #expect(try credits() == [0, 5])
        try complete(forked)
        #expect(try fixture.find(forked).steps.map(\.cost).reduce(0, +) == 5)
    }

    private func fork(_ run: Execution) throws -> Execution? {
        try fixture.engine.fork(run, from: 2, input: nil, version: nil, on: connection)
    }

    @Test func aResumeIsFreeIfNothingPaidFollows() throws {
        try grant(5)
        let run = try fixture.enqueue(["pass", "fail"])
        try fixture.work()
        #expect(try fixture.find(run).status == .failed)
        #expect(try credits() == [0, 0])
        try resume(try fixture.find(run))
        try fixture.work()
        #expect(try fixture.find(run).steps.map(\.isSuperseded) == [false, true, false])
        #expect(try credits() == [0, 0])
    }

    /// The caller's record of the run is out of date: since then it was resumed and has failed again.
    @Test func aResumeContinuesFromThePresentRecord() throws {
        try grant(5)
        let run = try fixture.enqueue(["pass", "fail"])
        try fixture.work()
        let former = try fixture.find(run)
        for number in 2...4 {
            try resume(former)
            try fixture.work()
            #expect(try fixture.find(run).steps.map(\.isSuperseded).count { $0 } == number - 1)
            #expect(try fixture.find(run).steps.count == number + 1)
        }
    }
}
