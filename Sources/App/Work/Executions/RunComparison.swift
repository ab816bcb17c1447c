import Flows
import HTTP
import JSON
import System

/// Two runs step by step: what is equal, and what differs.
///
/// Steps belong together that carry out the same task for the same time, so that a run of another version, or one that
/// took another way, is compared as far as they have tasks in common. Steps that a later one repeats are left out.
struct RunComparison {
    let run: RecordedExecution<JSONText>
    let other: RecordedExecution<JSONText>

    /// A step of each run, by their indexes; nil where a run has none.
    struct Pair: Equatable {
        let task: String
        /// Which visit of the task it is, from 1.
        let visit: Int
        let index: Int?
        let other: Int?
    }

    /// In the order of the run; what only the other one has follows the step after which it comes there. The time is
    /// linear in the number of steps.
    var pairs: [Pair] { Self.pairs(Self.visits(of: run), Self.visits(of: other)) }

    struct Visit: Hashable {
        let task: TextKey
        let number: Int
    }

    static func pairs(_ visits: [(visit: Visit, index: Int)], _ others: [(visit: Visit, index: Int)]) -> [Pair] {
        let ownVisits = Set(visits.map(\.visit))
        let places = Dictionary(uniqueKeysWithValues: zip(others.map(\.visit), others.indices))
        var pairs: [Pair] = []
        var next = others.startIndex
        func addOthers(before end: Int) {
            for place in next..<max(next, end) where !ownVisits.contains(others[place].visit) {
                let (visit, index) = others[place]
                pairs.append(Pair(task: visit.task.text, visit: visit.number, index: nil, other: index))
            }
            next = max(next, end)
        }
        for (visit, index) in visits {
            let place = places[visit]
            if let place { addOthers(before: place) }
            pairs.append(
                Pair(task: visit.task.text, visit: visit.number, index: index, other: place.map { others[$0].index }))
        }
        addOthers(before: others.endIndex)
        return pairs
    }

    private static func visits(of run: RecordedExecution<JSONText>) -> [(visit: Visit, index: Int)] {
        var counts: [TextKey: Int] = [:]
        return run.execution.steps.enumerated().compactMap { index, step in
            guard !step.isSuperseded else { return nil }
            let task = TextKey(step.task)
            counts[task, default: 0] += 1
            return (Visit(task: task, number: counts[task, default: 1]), index)
        }
    }
}

extension RunComparison {
    static let schema = JSONSchema.object(required: [
        "differs": members(of: ["flow", "input", "result", "status", "cost"], "RunDifference"),
        "run": side.described("The run that the path names first"), "other": side,
        "steps": JSONSchema.array(of: pair).described(
            "In the order of the first run; a step that only the other one has follows the one after which it came"),
    ]).named("RunComparison")

    private static func members(of names: [String], _ name: String) -> JSONSchema {
        JSONSchema.array(of: JSONSchema.string(enum: names).named(name)).described("What differs")
    }

    private static let side = JSONSchema.object(
        required: [
            "id": ExecutionField.id, "workflow_id": ExecutionField.workflowID, "version": ExecutionField.version,
            "status": ExecutionStatus.schema, "stopped_at": ExecutionField.stoppedAt,
            "total_credits_charged": ExecutionField.totalCreditsCharged, "duration_ms": ExecutionField.duration,
            "created_at": ExecutionField.createdAt, "finished_at": ExecutionField.finishedAt,
        ],
        optional: [
            "input": JSONSchema.any.described("Where it differs"),
            "result": JSONSchema.any.described("Where it differs"),
        ]
    ).named("ComparedRun")

    private static let pair = JSONSchema.object(required: [
        "task": ExecutionField.task, "visit": JSONSchema.integer.described("Which visit of the task it is, from 1"),
        "change": JSONSchema.string(enum: ["none", "changed", "added", "removed"]).named("StepChange").described(
            "`added`: only the other run has the step. `removed`: only the first one has it"),
        "differs": members(
            of: ["type", "input", "output", "error", "status", "attempts", "condition", "next", "cost"],
            "StepDifference"
        ).described("What differs of a step that both have, besides times"),
        "run": step.nullable, "other": step.nullable,
    ]).named("ComparedSteps")

    private static let step = JSONSchema.object(
        required: [
            "number": ExecutionField.number, "type": ExecutionField.type, "status": StepStatus.schema,
            "attempts": ExecutionField.attempts, "error": ExecutionField.error,
            "condition": ExecutionField.condition, "next": ExecutionField.next, "cost": ExecutionField.cost,
            "duration_ms": ExecutionField.duration,
        ],
        optional: [
            "input": JSONSchema.any.described("Where it differs, and of a step that only one run has"),
            "output": JSONSchema.any.described("Where it differs, and of a step that only one run has"),
        ]
    ).named("ComparedStep")

    /// The answer. Values are part of it where they differ.
    var text: JSONText {
        .object { answer in
            let (execution, second) = (run.execution, other.execution)
            let differences = [
                ("flow", execution.flow.serialized() != second.flow.serialized()),
                ("input", execution.input != second.input), ("result", execution.result != second.result),
                ("status", execution.status != second.status),
                ("cost", execution.cost + execution.costOfStartedRuns != second.cost + second.costOfStartedRuns),
            ].filter(\.1).map(\.0)
            answer.member("differs", .array(differences.map { .string($0) }))
            answer.member("run") { run.write(to: &$0, showing: differences) }
            answer.member("other") { other.write(to: &$0, showing: differences) }
            answer.arrayMember("steps") { steps in
                for pair in pairs { steps.element { write(pair, to: &$0) } }
            }
        }
    }

    private func write(_ pair: Pair, to object: inout JSONWriter) {
        let step = pair.index.map { ComparedStep(run.execution.steps[$0], input: run.stepInputs[$0]) }
        let second = pair.other.map { ComparedStep(other.execution.steps[$0], input: other.stepInputs[$0]) }
        let differences = step?.differences(from: second) ?? []
        let change =
            if step == nil { "added" } else if second == nil { "removed" } else if differences.isEmpty { "none" } else {
                "changed"
            }
        let members: [String]? = step == nil || second == nil ? nil : differences
        object.member("task", pair.task)
        object.member("visit", pair.visit)
        object.member("change", change)
        object.member("differs", .array(differences.map { .string($0) }))
        for (name, step) in [("run", step), ("other", second)] as [(StaticString, ComparedStep?)] {
            guard let step else {
                object.member(name, .null)
                continue
            }
            object.member(name) { step.write(to: &$0, showing: members) }
        }
    }
}

/// A step as it is compared.
private struct ComparedStep {
    let step: StepOf<JSONText>
    let input: JSONText

    init(_ step: StepOf<JSONText>, input: JSONText) {
        self.step = step
        self.input = input
    }

    /// The members in which it differs from a step of the same task; none if there is no such step. Times, which always
    /// differ, are shown only.
    func differences(from other: ComparedStep?) -> [String] {
        guard let other else { return [] }
        return [
            ("type", step.type != other.step.type), ("input", input != other.input),
            ("output", step.output != other.step.output), ("error", step.failure?.json != other.step.failure?.json),
            ("status", step.status != other.step.status), ("attempts", step.attempt != other.step.attempt),
            ("condition", step.condition != other.step.condition), ("next", step.next != other.step.next),
            ("cost", step.cost != other.step.cost),
        ].filter(\.1).map(\.0)
    }

    /// - Parameter members: of the input and the output, those that are written; nil: both.
    func write(to object: inout JSONWriter, showing members: [String]?) {
        object.member("number", step.number)
        object.member("type", step.type)
        object.member("status", step.status.rawValue)
        object.member("attempts", step.attempt)
        if members?.contains("input") ?? true { object.member("input", input) }
        if members?.contains("output") ?? true { object.member("output", step.output) }
        object.member("error", step.failure?.json ?? .null)
        object.member("condition", optional: step.condition)
        object.member("next", optional: step.next)
        object.member("cost", step.cost)
        object.member("duration_ms", .number(step.duration.fractionalMilliseconds))
    }
}

extension RecordedExecution<JSONText> {
    /// Writes the run as a side of a comparison.
    fileprivate func write(to object: inout JSONWriter, showing members: [String]) {
        object.member("id", execution.id)
        object.member("workflow_id", optional: execution.source.workflowID)
        object.member("version", JSON(execution.source.version))
        object.member("status", execution.status.rawValue)
        object.member("stopped_at", optional: execution.stoppedAt)
        if members.contains("input") { object.member("input", execution.input) }
        if members.contains("result") { object.member("result", execution.result) }
        object.member("total_credits_charged", execution.cost + execution.costOfStartedRuns)
        object.member("duration_ms", .number(execution.duration.fractionalMilliseconds))
        object.member("created_at", createdAt)
        object.member("finished_at", optional: finishedAt)
    }
}
