import JSON
import Postgres
import System

/// What happens to a run with a commit, as the event log stores it: an array of changes, in their order. Both the log
/// and a record that is read later describe a step and a run by the members that are written here, without inputs and
/// outputs: those may be large, and the record has them.
struct RunChanges {
    /// The state of the run after them; nil: it does not change.
    let status: RunStatusChange?
    /// Whether the state comes before the steps: the run begins with this commit.
    var isOpening = false

    /// Nil if there is neither a step nor a new state.
    func text(with steps: [Step]) -> JSONText? {
        guard status != nil || !steps.isEmpty else { return nil }
        return .array { changes in
            if isOpening { append(to: &changes) }
            for step in steps { changes.element { $0.member("step") { step.writeEvent(to: &$0) } } }
            if !isOpening { append(to: &changes) }
        }
    }

    private func append(to changes: inout JSONWriter) {
        guard let status else { return }
        changes.element { $0.member("execution") { status.write(to: &$0) } }
    }

    /// A new state alone.
    static func text(of status: RunStatusChange) -> JSONText {
        .array { changes in changes.element { $0.member("execution") { status.write(to: &$0) } } }
    }

    /// The call of the function that writes the event, if anyone reads it. The transaction must hold the lock of the
    /// run by then, and have an id.
    ///
    /// - Parameter keyID: the API key that started the run, as an expression.
    static func writing(
        _ changes: JSONText, of executionID: String, ownedBy userID: String, startedBy keyID: SQL
    ) -> SQL {
        "write_events(\(userID)::uuid, \(executionID)::uuid, \(keyID), \(changes)::json)"
    }
}

/// A new state of a run.
struct RunStatusChange {
    let status: ExecutionStatus
    var stoppedAt: String?
    var failure: TaskFailure?
    /// In credits, of the run's own steps so far.
    var cost: Int64 = 0
    /// From the creation of the run to its end; nil while it is active.
    var duration: Duration?
    var flowID = ""
    var flowName = ""
    var workflowID: String?
    var version: Int?
    var parentID: String?

    init(_ status: ExecutionStatus) { self.status = status }

    /// The state of an execution that is computed with.
    init(_ status: ExecutionStatus, of execution: Execution, cost: Int64) {
        self.status = status
        self.cost = cost
        if status.isEnd {
            stoppedAt = execution.stoppedAt
            failure = execution.failure ?? execution.steps.last?.failure
            duration = execution.duration
        }
        (flowID, flowName) = (execution.flowID, execution.flowName)
        (workflowID, version) = (execution.source.workflowID, execution.source.version)
        parentID = execution.parent?.executionID
    }

    func write(to object: inout JSONWriter) {
        object.member("status", status.rawValue)
        object.member("stopped_at", optional: stoppedAt)
        object.write(failure)
        object.member("credits_charged", cost)
        if let duration {
            object.member("duration_ms", thousandths: duration.microseconds)
        } else {
            object.member("duration_ms", .null)
        }
        object.member("flow_id", flowID)
        object.member("flow_name", flowName)
        object.member("workflow_id", optional: workflowID)
        object.member("version", JSON(version))
        object.member("parent_id", optional: parentID)
    }
}

extension StepOf {
    func writeEvent(to object: inout JSONWriter) {
        object.member("number", number)
        object.member("task", task)
        object.member("type", type)
        object.member("status", status.rawValue)
        object.member("attempts", attempt)
        object.write(failure)
        object.member("condition", optional: condition)
        object.member("next", optional: next)
        object.member("started_ms", thousandths: started.microseconds)
        object.member("duration_ms", thousandths: duration.microseconds)
        object.member("cost", cost)
    }
}

extension JSONWriter {
    /// Only what has a bounded length: the details of an error are in the record.
    fileprivate mutating func write(_ failure: TaskFailure?) {
        guard let failure else { return member("error", .null) }
        member("error") {
            $0.member("code", failure.code)
            $0.member("message", failure.message)
        }
    }
}
