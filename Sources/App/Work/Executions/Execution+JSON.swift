import Flows
import HTTP
import JSON
import System

extension Execution {
    /// The answer of `POST /flow-manager` for a run that has ended.
    var answer: Response {
        let text = JSONText.object { answer in
            answer.member("message", message)
            answer.member("execution_id", id)
            answer.member("id", id)
            answer.member("flow_id", flow["id"] ?? .null)
            answer.member("flow_name", flow["name"] ?? .null)
            answer.member("status", status.rawValue)
            answer.member("stopped_at", optional: stoppedAt)
            answer.member("result", result)
            answer.member("error", (failure ?? steps.last?.failure)?.json ?? .null)
            answer.member("credits_charged", cost)
            answer.member("duration_ms", thousandths: duration.microseconds)
            answer.member("created_at", optional: time(after: .zero))
            answer.member("finished_at", optional: time(after: duration))
            answer.arrayMember("executed_tasks") { tasks in
                for step in steps where !step.isSuperseded {
                    tasks.element { step.writeAnswer(to: &$0, of: self) }
                }
            }
        }
        return .json(text, status: status == .failed || status == .canceled ? .unprocessable : .ok)
    }

    /// The answer for a run that is still active.
    var accepted: Response { Execution.accepted(id, status.isEnd || status == .running ? .running : status) }

    static func accepted(_ id: String, _ status: ExecutionStatus) -> Response {
        .json(
            ["id": .string(id), "status": .string(status.rawValue)], status: .accepted,
            headers: ["Location": "/api/executions/\(id)"])
    }

    private var message: String {
        switch status {
        case .completed: "Task completed successfully!"
        case .failed: "Flow failed at \(stoppedAt ?? "")"
        case .endedEarly: "Flow ended early at \(stoppedAt ?? "")"
        case .canceled: "Flow was canceled"
        case .queued, .running, .waiting: "The run is still active"
        }
    }
}

extension Step {
    /// The members that `POST /flow-manager` always had, and those that all answers have.
    fileprivate func writeAnswer(to answer: inout JSONWriter, of execution: Execution) {
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

    /// The step as part of an execution.
    fileprivate func json(input: JSON, of execution: Execution) -> JSON {
        [
            "number": JSON(number), "task": .string(task), "type": .string(type), "status": .string(status.rawValue),
            "attempts": JSON(attempt), "input": input, "output": output, "error": failure?.json ?? .null,
            "condition": JSON(condition), "next": JSON(next), "started_at": JSON(execution.time(after: started)),
            "finished_at": JSON(execution.end(of: self)), "started_ms": .number(started.fractionalMilliseconds),
            "duration_ms": .number(duration.fractionalMilliseconds), "cost": .integer(cost),
            "superseded": .bool(isSuperseded), "copied": .bool(execution.isCopied(self)),
        ]
    }
}

extension RecordedExecution {
    /// The answer of a call that started or continued the run: the run if it has ended.
    var answer: Response { execution.status.isEnd ? .json(json) : execution.accepted }

    /// The answer of `GET /api/executions/{id}`.
    var json: JSON {
        [
            "id": .string(execution.id), "user_id": .string(execution.userID),
            "started_by": .string(execution.starter.userID ?? execution.userID),
            "started_by_key": JSON(execution.starter.keyID), "flow_id": execution.flow["id"] ?? .null,
            "flow_name": execution.flow["name"] ?? .null, "status": .string(execution.status.rawValue),
            "stopped_at": JSON(execution.stoppedAt), "input": execution.input, "result": execution.result,
            "error": (execution.failure ?? execution.steps.last?.failure)?.json ?? .null,
            "workflow_id": JSON(execution.source.workflowID), "version": JSON(execution.source.version),
            "parent_id": JSON(execution.parent?.executionID), "forked_from": JSON(execution.fork?.executionID),
            "differs": execution.fork?.differences?.json ?? .null,
            "credits_charged": .integer(execution.cost),
            "steps": .array(
                zip(execution.steps, execution.stepInputs).map { step, input in
                    step.json(input: input, of: execution)
                }),
            "created_at": .string(createdAt), "finished_at": JSON(finishedAt),
        ]
    }
}
