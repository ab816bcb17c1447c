import JSON
package import Postgres

/// What statements select of an execution.
enum ExecutionRow {
    /// The columns of an execution, from `executions e` with `joins`. A run of an earlier release may name a version
    /// that was removed while the run was queued: it has an empty flow, which is not valid.
    static let columns: SQL = """
        e.id, e.user_id, coalesce(e.flow, v.flow, '{"id":"","name":""}'),
        coalesce(e.passes_errors, v.passes_errors, false), e.input, e.workflow_id, e.version,
        (SELECT w.concurrency IS NOT NULL FROM workflows w WHERE w.id = e.workflow_id), e.status, e.stopped_at, e.error,
        e.parent_id, e.parent_step, e.parent_attempt, e.item, e.forked_from, e.fork_step, e.fork_input, e.started_by,
        e.started_by_key, e.traceparent, e.trigger
        """

    /// Joins the workflow version that an execution of a stored workflow refers to.
    static let joins: SQL = """
        LEFT JOIN workflow_versions v ON v.workflow_id = e.workflow_id AND v.version = e.version
        """

    /// Joins the row in the queue of an active execution.
    static let queueJoin: SQL = "LEFT JOIN queue q ON q.execution_id = e.id AND e.status = 'running'"

    /// The steps from a number on as one JSON array, in order; NULL if there are none.
    ///
    /// - Parameter condition: what is known of `s.execution_id`.
    static func steps(from number: SQL, where condition: SQL) -> SQL {
        """
        (SELECT json_agg(json_build_array(s.seq, s.task, s.type, s.status, s.attempt, s.output, s.error, s.condition,
            s.next, s.started_us, s.duration_us, s.cost, s.superseded, s.input) ORDER BY s.seq)
        FROM steps s WHERE s.execution_id = e.id AND s.seq >= \(number) AND \(condition))
        """
    }
}

extension ExecutionOf where Value: PostgresDecodable {
    /// Decodes `ExecutionRow.columns`; the steps are not among them.
    init(_ columns: inout Columns) throws {
        let (id, userID) = (try columns.next(String.self), try columns.next(String.self))
        let (flow, passesErrors) = (try columns.next(JSON.self), try columns.next(Bool.self))
        let input = try columns.next(Value.self)
        let (workflowID, version) = (try columns.next(String?.self), try columns.next(Int?.self))
        let isLimited = try columns.next(Bool?.self) ?? false
        let source = workflowID.flatMap { id in
            version.map { FlowSource.workflow(id: id, version: $0, isLimited: isLimited) }
        }
        let status = try columns.next(String.self)
        let (stoppedAt, failure) = (try columns.next(String?.self), try columns.next(JSON?.self))
        let (parentID, parentStep) = (try columns.next(String?.self), try columns.next(Int?.self))
        let (parentAttempt, item) = (try columns.next(Int?.self), try columns.next(Int?.self))
        let (forkedFrom, forkStep, forkInput) = (
            try columns.next(String?.self), try columns.next(Int?.self), try columns.next(Value?.self)
        )
        self.init(
            id: id, userID: userID, source: source ?? .call, flow: flow, passesErrors: passesErrors, input: input,
            starter: Starter(
                userID: try columns.next(), keyID: try columns.next(), trace: try columns.next(),
                trigger: try columns.next(JSON?.self).map(Trigger.init)))
        self.status = ExecutionStatus(rawValue: status) ?? .running
        self.stoppedAt = stoppedAt
        self.failure = failure.flatMap { TaskFailure(json: $0) }
        if let parentID, let parentStep {
            parent = Parent(executionID: parentID, step: parentStep, attempt: parentAttempt ?? 1, item: item ?? 0)
        }
        if let forkedFrom, let forkStep { fork = Fork(executionID: forkedFrom, step: forkStep, input: forkInput) }
    }

    /// Deletes the run and its steps. Returns false if it is active, or the run that started it is: that one may not
    /// have read its result yet.
    package func delete(counting quota: StorageQuota, on connection: Connection) throws -> Bool {
        try connection.atomically { connection in
            guard try connection.execute(RunRemoval.removing(self, counting: quota)) == 1 else { return false }
            if let workflowID = source.workflowID {
                try connection.pipeline(
                    RunRemoval.removingVersions(of: workflowID, ownedBy: userID, counting: quota))
            }
            return true
        }
    }

    /// Prevents the deletion of the run until the transaction ends; false if it was deleted or is active.
    func lockRecord(on connection: Connection) throws -> Bool {
        try !connection.query("SELECT FROM executions WHERE id = \(id) AND status <> 'running' FOR SHARE").isEmpty
    }
}

extension Execution.Fork {
    /// The column `copied_inputs`; nil if there are none.
    var storedEarlierInputs: JSON? {
        earlierInputs.isEmpty ? nil : .array(earlierInputs.map { [JSON($0.step), $0.input] })
    }
}

extension StepOf {
    /// The values of each step in the column `ExecutionRow.steps`.
    static func fields(_ columns: inout Columns) throws -> [[JSON]] {
        try columns.next(JSON?.self)?.arrayValue?.map { step in
            guard let fields = step.arrayValue, fields.count >= 13 else { throw Unreadable() }
            return fields
        } ?? []
    }

    /// - Parameter input: nil: none is stored.
    init(_ fields: [JSON], input: Value? = nil, output: Value) throws {
        guard let number = fields[0].integerValue, let task = fields[1].stringValue,
            let type = fields[2].stringValue, let status = fields[3].stringValue.flatMap(StepStatus.init),
            let attempt = fields[4].integerValue, let started = fields[9].integerValue,
            let duration = fields[10].integerValue, let cost = fields[11].integerValue
        else { throw Unreadable() }
        self.init(
            number: Int(number), task: task, type: type, status: status, attempt: Int(attempt), input: input,
            output: output,
            failure: TaskFailure(json: fields[6]), condition: fields[7].stringValue, next: fields[8].stringValue,
            started: .microseconds(started), duration: .microseconds(duration), cost: cost,
            isSuperseded: fields[12] == true)
    }
}

extension Step {
    /// Decodes the column `ExecutionRow.steps` with its outputs.
    static func all(_ columns: inout Columns) throws -> [Step] {
        try fields(&columns).map { try Step($0, input: $0[13] == .null ? Optional.none : $0[13], output: $0[5]) }
    }
}

/// A row of `steps` does not have the form that this program writes.
private struct Unreadable: Error {}
