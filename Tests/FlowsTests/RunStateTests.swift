import JSON
import Testing

@testable import Flows

@Suite struct RunStateTests {
    private static func state(_ json: JSON, input: JSON = [:]) throws -> RunState {
        var reader = FlowReader(catalog: .plain)
        let flow = reader.read(json)
        return RunState(try #require(flow, "\(reader.problems)"), input: input)
    }

    /// The actions of a run as words. Tasks of type `fail` fail, all others return their name, and no time passes.
    private func trace(_ flow: JSON) throws -> [String] {
        var state = try Self.state(flow)
        var event = RunState.Event.started
        var trace: [String] = []
        while true {
            switch state.next(event, at: .zero) {
            case .run(let definition, _, _):
                trace.append(definition.name)
                event = state.end(definition.task.type == "fail" ? nil : .string(definition.name))
            case .commit:
                trace.append("commit")
                event = .committed
            case .announce(let definition, let attempt):
                trace.append("announce \(definition.name) \(attempt)")
                event = .committed
            case .suspend:
                return trace + ["wait"]
            case .end(let status, let stoppedAt, _):
                return trace + [status.rawValue] + [stoppedAt].compactMap(\.self)
            }
        }
    }

    @Test(
        arguments: [
            // Without conditions the flow ends with the task's status.
            ("pass", [], ["a", "completed"]), ("fail", [], ["a", "failed", "a"]),
            ("pass", [FlowText.condition("c", after: "a", success: "b")], ["a", "b", "completed"]),
            ("pass", [FlowText.condition("c", after: "a", success: "end", failure: "b")], ["a", "completed"]),
            ("pass", [FlowText.condition("c", after: "a", success: "END", failure: "b")], ["a", "completed"]),
            ("pass", [FlowText.condition("c", after: "a", success: "END_SUCCESS")], ["a", "completed"]),
            ("pass", [FlowText.condition("c", after: "a", success: "END_FAILED")], ["a", "failed", "a"]),
            ("fail", [FlowText.condition("c", after: "a", success: "b", failure: "end")], ["a", "ended_early", "a"]),
            ("fail", [FlowText.condition("c", after: "a", success: "b", failure: "END")], ["a", "ended_early", "a"]),
            ("fail", [FlowText.condition("c", after: "a", success: "b", failure: "END_SUCCESS")], ["a", "completed"]),
            ("fail", [FlowText.condition("c", after: "a", success: "b", failure: "END_FAILED")], ["a", "failed", "a"]),
            ("fail", [FlowText.condition("c", after: "a", success: "end", failure: "b")], ["a", "b", "completed"]),
            // With the outcome `failure`, it is a failure that leads to the first target.
            ("fail", [FlowText.condition("c", after: "a", success: "b", outcome: "failure")], ["a", "b", "completed"]),
            ("pass", [FlowText.condition("c", after: "a", success: "b", outcome: "failure")], ["a", "completed"]),
            (
                "fail", [FlowText.condition("c", after: "a", success: "end", failure: "b", outcome: "failure")],
                ["a", "ended_early", "a"]
            ),
            (
                "pass", [FlowText.condition("c", after: "a", success: "end", failure: "b", outcome: "failure")],
                ["a", "b", "completed"]
            ),
            // The first condition of a task decides.
            (
                "pass",
                [
                    FlowText.condition("c", after: "a", success: "end"),
                    FlowText.condition("d", after: "a", success: "b"),
                ],
                ["a", "completed"]
            ),
        ] as [(String, [JSON], [String])])
    func followsTheEdge(type: String, conditions: [JSON], expected: [String]) throws {
        let flow = FlowText.flow(start: "a", ["b": "pass", "a": type], conditions)
        #expect(try trace(flow) == expected)
    }

    @Test func stoppedAtIsTheLastTaskThatRan() throws {
        #expect(
            try trace(FlowText.chain(["pass", "pass", "fail", "pass"])) == ["t1", "t2", "t3", "ended_early", "t3"])
    }

    @Test func aTaskGetsItsOwnInputOrThePreviousOutput() throws {
        let flow = FlowText.chain(["pass", "pass", "pass"])
            .replacing(["tasks", "1", "input"], with: ["own": 1])
            .replacing(["conditions", "1", "target_task_failure"], with: "t3")
        var state = try Self.state(flow, input: ["call": 1])
        var inputs: [JSON] = []
        var event = RunState.Event.started
        for output in ["first", nil, "last"] as [JSON?] {
            guard case .run(_, let input, _) = state.next(event, at: .zero) else { break }
            inputs.append(try input.get())
            event = state.end(output)
        }
        #expect(inputs == [["call": 1], ["own": 1], ["error": RunState.failure.json, "input": ["own": 1]]])
    }

    @Test(arguments: [
        (["pass", "pass", "pass"], "t1 t2 t3 completed"), (["pass", "keep"], "t1 t2 completed"),
        (["keep", "pass"], "t1 t2 completed"), (["keep", "keep"], "t1 commit t2 completed"),
        (["keep", "pass", "keep", "pass", "keep"], "t1 t2 commit t3 t4 commit t5 completed"),
        (["pass", "keep", "pass", "pass", "keep"], "t1 t2 t3 t4 commit t5 completed"),
    ])
    func neverHoldsTwoUncommittedEffects(types: [String], expected: String) throws {
        #expect(try trace(FlowText.chain(types)).joined(separator: " ") == expected)
    }

    @Test func aFailedEffectNeedsNoCommit() throws {
        var state = try Self.state(
            FlowText.chain(["keep", "keep"]).replacing(["conditions", "0", "target_task_failure"], with: "t2"))
        _ = state.next(.started, at: .zero)
        guard case .run(let definition, _, _) = state.next(state.end(nil), at: .zero) else {
            Issue.record("a commit without an effect")
            return
        }
        #expect(definition.name == "t2")
    }

    @Test func commitsAfter256Steps() throws {
        let trace = try trace(FlowText.chain(Array(repeating: "pass", count: 600)))
        #expect(trace.indices.filter { trace[$0] == "commit" } == [256, 513])
        #expect(trace.count == 603)
    }

    @Test func shortRunsNeedNoEarlyCommit() throws {
        #expect(try !trace(FlowText.chain(Array(repeating: "pass", count: 256))).contains("commit"))
    }

    @Test func commitsAfterASecond() throws {
        var state = try Self.state(FlowText.chain(Array(repeating: "pass", count: 6)))
        let moments: [(Duration, String)] = [
            (.milliseconds(4_000), "t1"), (.milliseconds(5_100), "commit"), (.milliseconds(5_200), "t2"),
            (.milliseconds(6_199), "t3"), (.milliseconds(6_200), "commit"), (.milliseconds(7_500), "t4"),
            (.milliseconds(7_600), "t5"),
        ]
        var event = RunState.Event.started
        for (now, expected) in moments {
            let action = state.next(event, at: now)
            event = action.isStep ? state.end(1) : .committed
            switch action {
            case .run(let definition, _, _): #expect(definition.name == expected)
            case .commit: #expect(expected == "commit")
            default: Issue.record("unexpected action at \(now)")
            }
        }
    }

    /// A flow of random size, types and edges, each edge leading forward in a random order of the tasks.
    private func randomFlow(_ random: inout SeededGenerator) -> JSON {
        let names = (0..<Int.random(in: 1...40, using: &random)).map { "t\($0)" }.shuffled(using: &random)
        let types = ["pass", "keep", "fail"]
        var conditions: [JSON] = []
        for (index, name) in names.enumerated() where Int.random(in: 0..<8, using: &random) > 0 {
            let targets = Array(names[(index + 1)...]) + ["end", "END", "END_SUCCESS", "END_FAILED"]
            let target = { (random: inout SeededGenerator) in targets.randomElement(using: &random) ?? "end" }
            conditions.append(
                FlowText.condition(
                    "c\(index)", after: name, success: target(&random), failure: target(&random),
                    outcome: ["success", "failure", nil].randomElement(using: &random) ?? nil))
        }
        return [
            "id": "f", "name": "f", "start_task": .string(names.randomElement(using: &random) ?? ""),
            "tasks": .array(
                names.sorted().map {
                    ["name": .string($0), "type": .string(types.randomElement(using: &random) ?? "pass")]
                }),
            "conditions": .array(conditions.shuffled(using: &random)),
        ]
    }

    @Test(arguments: 0..<300) func everyFlowEnds(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let flow = randomFlow(&random)
        let types = Dictionary(
            uniqueKeysWithValues: (flow["tasks"]?.arrayValue ?? []).map {
                ($0["name"]?.stringValue, $0["type"]?.stringValue)
            })
        let actions = try trace(flow).prefix { ExecutionStatus(rawValue: $0) == nil }
        let steps = actions.filter { $0 != "commit" }
        #expect((1...types.count).contains(steps.count))
        #expect(Set(steps).count == steps.count)
        // At most one effect between two commits.
        #expect(actions.split(separator: "commit").allSatisfy { $0.count { types[$0] == "keep" } <= 1 })
    }

    /// Wherever a run is interrupted, the replayed record leads to the same remaining steps.
    @Test(arguments: 0..<100) func aRunContinuesFromItsRecord(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let flow = randomFlow(&random)
        let whole = try steps(Self.state(flow))
        for count in 0..<whole.count {
            var state = try Self.state(flow)
            for step in whole.prefix(count) { state.replay(step) }
            #expect(state.nextTask == whole[count].task)
            #expect(try whole.prefix(count).map(\.task) + steps(state).map(\.task) == whole.map(\.task))
        }
    }

    /// The remaining steps of a run; tasks of type `fail` fail, all others return their name.
    private func steps(_ start: RunState) throws -> [Step] {
        var (state, event, steps) = (start, RunState.Event.started, [Step]())
        while true {
            switch state.next(event, at: .zero) {
            case .run(let definition, _, let attempt):
                let output: JSON? = definition.task.type == "fail" ? nil : .string(definition.name)
                steps.append(state.flow.step(definition.name, output, number: steps.count + 1, attempt: attempt))
                event = state.end(output)
            case .commit, .announce: event = .committed
            case .suspend, .end: return steps
            }
        }
    }
}

extension RunState {
    static let failure = TaskFailure(code: "failed", message: "on purpose")

    /// The event that the current step has ended with that output, or failed if it is nil.
    func end(_ output: JSON?) -> Event {
        let result =
            output.map { TaskResult(.success, $0, attempt: 1) }
            ?? TaskResult(.failure, failure: RunState.failure, attempt: 1)
        return .ended(result, decision(after: result))
    }
}

extension Flow {
    /// A step that has ended with that output, or failed if it is nil.
    func step(_ task: String, _ output: JSON?, number: Int = 1, attempt: Int = 1) -> Step {
        let status = output == nil ? StepStatus.failure : .success
        let definition = tasks.first { $0.name == task }
        let condition = definition?.conditions.first
        return Step(
            number: number, task: task, type: definition?.task.type ?? "", status: status, attempt: attempt,
            output: output ?? .null, failure: output == nil ? RunState.failure : nil, condition: condition?.name,
            next: condition.map { name(of: $0.target(after: status)) }, started: .zero, duration: .zero)
    }
}

/// Generates the same numbers for the same seed, so that failures can be reproduced (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
