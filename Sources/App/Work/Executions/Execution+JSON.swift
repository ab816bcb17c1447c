import Flows
import HTTP
import JSON
import System

/// What answers show of a run besides its members. It stands here, where the compiler specializes it for its values.
extension ExecutionOf {
    /// The last step's output.
    var result: Value { steps.last.map { $0.status.isEnd ? $0.output : .null } ?? .null }

    /// The total cost of its steps, in credits.
    var cost: Int64 { steps.reduce(0) { $0 + $1.cost } }

    /// When a step of the run ended; nil if it is active or was canceled.
    func end(of step: StepOf<Value>) -> String? {
        step.status.isEnd ? time(after: step.started + step.duration) : nil
    }

    /// The header that leads from a fork to the comparison with the run that it repeats: relative to the run's own
    /// address (RFC 8288, section 3.1).
    var link: Headers { link(from: "") }

    /// The same; `path` leads from the address of the call to the run's own.
    func link(from path: String) -> Headers {
        fork.map { ["Link": "<\(path)\($0.executionID)/diff/\(id)>; rel=\"related\""] } ?? [:]
    }

    /// Whether the step was copied from the run that this one was forked from.
    func isCopied(_ step: StepOf<Value>) -> Bool { fork.map { step.number < $0.step } ?? false }
}

extension ExecutionOf {
    /// The answer of `POST /flow-manager` for a run that has ended.
    var answer: Response { answer(steps.map(\.output)) }

    /// The same with the outputs of the steps.
    func answer(_ outputs: [some JSONValue]) -> Response {
        let text = JSONText.object { answer in
            answer.member("message", message)
            answer.member("execution_id", id)
            answer.member("id", id)
            answer.member("flow_id", flow["id"] ?? .null)
            answer.member("flow_name", flow["name"] ?? .null)
            answer.member("status", status.rawValue)
            answer.member("stopped_at", optional: stoppedAt)
            if steps.last?.status.isEnd == true, let result = outputs.last {
                answer.member("result", result)
            } else {
                answer.member("result", .null)
            }
            answer.member("error", (failure ?? steps.last?.failure)?.json ?? .null)
            answer.member("credits_charged", cost)
            answer.member("total_credits_charged", cost + costOfStartedRuns)
            answer.member("duration_ms", thousandths: duration.microseconds)
            answer.member("created_at", optional: time(after: .zero))
            answer.member("finished_at", optional: time(after: duration))
            answer.arrayMember("executed_tasks") { tasks in
                for (step, output) in zip(steps, outputs) where !step.isSuperseded {
                    tasks.element { step.writeAnswer(output, to: &$0, of: self) }
                }
            }
        }
        return .json(text, status: status.isFailure ? .unprocessable : .ok)
    }

    /// The answer for a run that is still active.
    var accepted: Response { Execution.accepted(id, status.isEnd || status == .running ? .running : status) }

    private var message: String {
        switch status {
        case .completed: "Task completed successfully!"
        case .failed: "Flow failed at \(stoppedAt ?? "")"
        case .endedEarly: "Flow ended early at \(stoppedAt ?? "")"
        case .canceled: "Flow was canceled"
        case .expired: "Flow expired"
        case .queued, .running, .waiting: "The run is still active"
        }
    }
}

extension ExecutionStatus {
    /// Whether the run has ended without reaching an end of its flow.
    fileprivate var isFailure: Bool {
        switch self {
        case .failed, .canceled, .expired: true
        case .queued, .running, .waiting, .completed, .endedEarly: false
        }
    }
}

extension Execution {
    static func accepted(_ id: String, _ status: ExecutionStatus) -> Response {
        .json(
            ["id": .string(id), "status": .string(status.rawValue)], status: .accepted,
            headers: ["Location": "/api/executions/\(id)"])
    }
}

extension StepOf {
    /// The members that `POST /flow-manager` always had, and those that all answers have.
    fileprivate func writeAnswer(
        _ output: some JSONValue, to answer: inout JSONWriter, of execution: ExecutionOf<Value>
    ) {
        answer.member("number", number)
        answer.member("task_name", task)
        answer.member("task", task)
        answer.member("type", type)
        answer.member("status", status.rawValue)
        answer.member("attempt", attempt)
        answer.member("attempts", attempt)
        answer.members("data", "output", output)
        answer.member("error", failure?.json ?? .null)
        answer.member("condition", optional: condition)
        answer.member("next", optional: next)
        answer.member("started_at", optional: execution.time(after: started))
        answer.member("finished_at", optional: execution.end(of: self))
        answer.member("duration_ms", thousandths: duration.microseconds)
        answer.member("cost", cost)
    }

    /// Writes the step as part of an execution.
    fileprivate func write(to object: inout JSONWriter, input: Value, of execution: ExecutionOf<Value>) {
        object.member("number", number)
        object.member("task", task)
        object.member("type", type)
        object.member("status", status.rawValue)
        object.member("attempts", attempt)
        object.member("input", input)
        object.member("output", output)
        object.member("error", failure?.json ?? .null)
        object.member("condition", optional: condition)
        object.member("next", optional: next)
        object.member("started_at", optional: execution.time(after: started))
        object.member("finished_at", optional: execution.end(of: self))
        object.member("started_ms", .number(started.fractionalMilliseconds))
        object.member("duration_ms", .number(duration.fractionalMilliseconds))
        object.member("cost", cost)
        object.member("superseded", .bool(isSuperseded))
        object.member("copied", .bool(execution.isCopied(self)))
    }
}

extension RecordedExecution {
    /// The answer of a call that started or continued the run: the run if it has ended.
    var answer: Response { execution.status.isEnd ? .json(text) : execution.accepted }

    /// The answer of `GET /api/executions/{id}`.
    var text: JSONText { .object(write) }

    private func write(to object: inout JSONWriter) {
        object.member("id", execution.id)
        object.member("user_id", execution.userID)
        object.member("started_by", execution.starter.userID ?? execution.userID)
        object.member("started_by_key", optional: execution.starter.keyID)
        object.member("trigger", execution.starter.trigger?.json ?? .null)
        object.member("flow_id", execution.flow["id"] ?? .null)
        object.member("flow_name", execution.flow["name"] ?? .null)
        object.member("status", execution.status.rawValue)
        object.member("stopped_at", optional: execution.stoppedAt)
        object.member("input", execution.input)
        object.member("result", execution.result)
        object.member("error", (execution.failure ?? execution.steps.last?.failure)?.json ?? .null)
        object.member("workflow_id", optional: execution.source.workflowID)
        object.member("version", JSON(execution.source.version))
        object.member("parent_id", optional: execution.parent?.executionID)
        object.member("forked_from", optional: execution.fork?.executionID)
        object.member("differs", execution.fork?.differences?.json ?? .null)
        object.member("credits_charged", execution.cost)
        object.member("total_credits_charged", execution.cost + execution.costOfStartedRuns)
        object.arrayMember("steps") { steps in
            for (step, input) in zip(execution.steps, stepInputs) {
                steps.element { step.write(to: &$0, input: input, of: execution) }
            }
        }
        object.member("created_at", createdAt)
        object.member("finished_at", optional: finishedAt)
    }
}
