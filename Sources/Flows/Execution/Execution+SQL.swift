package import JSON
package import Postgres

/// A stored execution, with its times (RFC 3339).
package struct RecordedExecution<Value: JSONValue>: Sendable {
    package let execution: ExecutionOf<Value>
    package let createdAt: String
    package let finishedAt: String?
}

/// What statements select of an execution.
enum ExecutionRow {
    /// The columns of an execution, from `executions e` with `joins`. A run of an earlier release may name a version
    /// that was removed while the run was queued: it has an empty flow, which is not valid.
    static let columns: SQL = """
        e.id, e.user_id, coalesce(e.flow, v.flow, '{"id":"","name":""}'), e.input, e.workflow_id, e.version,
        (SELECT w.concurrency IS NOT NULL FROM workflows w WHERE w.id = e.workflow_id), e.status, e.stopped_at, e.error,
        e.parent_id, e.parent_step, e.parent_attempt, e.item, e.forked_from, e.fork_step, e.fork_input, e.started_by,
        e.started_by_key
        """

    /// Joins the workflow version that an execution of a stored workflow refers to.
    static let joins: SQL = """
        LEFT JOIN workflow_versions v ON v.workflow_id = e.workflow_id AND v.version = e.version
        """

    /// Joins the row in the queue of an active execution.
    static let queueJoin: SQL = "LEFT JOIN queue q ON q.execution_id = e.id AND e.status = 'running'"

    /// The steps from a number on as one JSON array, in order; NULL if there are none.
    ///
    /// - Parameter output: what stands in the place of each output, from `steps s`.
    static func steps(from number: SQL = "0", output: SQL = "s.output") -> SQL {
        """
        (SELECT json_agg(json_build_array(s.seq, s.task, s.type, s.status, s.attempt, \(output), s.error, s.condition,
            s.next, s.started_us, s.duration_us, s.cost, s.superseded) ORDER BY s.seq)
        FROM steps s WHERE s.execution_id = e.id AND s.seq >= \(number))
        """
    }
}

extension ExecutionOf where Value: PostgresDecodable {
    /// Decodes `ExecutionRow.columns`; the steps are not among them.
    init(_ columns: inout Columns) throws {
        let (id, userID) = (try columns.next(String.self), try columns.next(String.self))
        let (flow, input) = (try columns.next(JSON.self), try columns.next(Value.self))
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
            id: id, userID: userID, source: source ?? .call, flow: flow, input: input,
            starter: Starter(userID: try columns.next(), keyID: try columns.next()))
        self.status = ExecutionStatus(rawValue: status) ?? .running
        self.stoppedAt = stoppedAt
        self.failure = failure.flatMap { TaskFailure(json: $0) }
        if let parentID, let parentStep {
            parent = Parent(executionID: parentID, step: parentStep, attempt: parentAttempt ?? 1, item: item ?? 0)
        }
        if let forkedFrom, let forkStep { fork = Fork(executionID: forkedFrom, step: forkStep, input: forkInput) }
    }

    /// Finds the user's execution, as the function below does.
    package static func find(
        _ id: String, of userID: String, on connection: Connection
    ) throws -> RecordedExecution<Value>? {
        try find(id, in: .user(userID), on: connection)
    }

    /// Finds the execution with that id, if it is one of those, with all its steps. While it is active, its status is
    /// that of its row in the queue.
    ///
    /// - Parameter admitLarge: called before the outputs are read if they have more than a mebibyte together.
    package static func find(
        _ id: String, in visibility: Visibility, on connection: Connection, admitLarge: () throws -> Void = {}
    ) throws -> RecordedExecution<Value>? {
        guard let found = try read(id, in: visibility, outputsUpTo: 1 << 20, on: connection) else { return nil }
        guard !found.isWhole else { return found.record }
        try admitLarge()
        return try read(id, in: visibility, outputsUpTo: .max, on: connection)?.record
    }

    /// Reads the execution; without its outputs if they have more than `limit` bytes together.
    private static func read(
        _ id: String, in visibility: Visibility, outputsUpTo limit: Int, on connection: Connection
    ) throws -> (record: RecordedExecution<Value>, isWhole: Bool)? {
        // Each output has a row of its own, the first one together with the execution: so Postgres and libpq copy one
        // after another, which takes a fraction of the time that they take for all of them in one value.
        let found = try connection.query(
            """
            WITH record AS (
                SELECT \(ExecutionRow.columns), q.state, rfc3339(e.created_at), rfc3339(e.finished_at),
                    (extract(epoch FROM e.created_at) * 1000000)::bigint,
                    (extract(epoch FROM e.finished_at - e.created_at) * 1000000)::bigint, e.copied_inputs, e.differs,
                    \(ExecutionRow.steps(output: "s.output IS NOT NULL")), 1::bigint AS place
                FROM executions e \(ExecutionRow.joins) \(ExecutionRow.queueJoin)
                WHERE e.id = \(id) AND \(visibility.condition)),
            outputs AS (
                SELECT s.output, row_number() OVER (ORDER BY s.seq) AS place,
                    sum(octet_length(s.output::text)) OVER () AS size
                FROM record JOIN steps s ON s.execution_id = record.id WHERE s.output IS NOT NULL)
            SELECT o.output, record.*
            FROM record FULL JOIN (SELECT * FROM outputs WHERE size <= \(limit)) o ON o.place = record.place
            ORDER BY o.place
            """)
        guard let row = found.first else { return nil }
        var columns = row.columns
        columns.skip()
        var execution = try ExecutionOf(&columns)
        if let state = try columns.next(String?.self).flatMap(ExecutionStatus.init) { execution.status = state }
        let (createdAt, finishedAt) = (try columns.next(String.self), try columns.next(String?.self))
        execution.createdAt = try columns.next(Int64.self)
        execution.duration = .microseconds(try columns.next(Int64?.self) ?? 0)
        for change in try columns.next(JSON?.self)?.arrayValue ?? [] {
            guard let pair = change.arrayValue, let step = pair.first?.integerValue, let input = pair.last
            else { continue }
            execution.fork?.earlierInputs.append((Int(step), Value(input)))
        }
        let differences = try columns.next(JSON?.self)
        execution.fork?.differences = differences.map { Fork.Differences(json: $0) }
        let outputs = try found.compactMap { row in
            var columns = row.columns
            return try columns.next(Value?.self)
        }
        let steps = try StepOf.all(&columns, outputs)
        execution.steps = steps ?? []
        return (
            RecordedExecution(execution: execution, createdAt: createdAt, finishedAt: finishedAt),
            isWhole: steps != nil
        )
    }

    /// Deletes the run and its steps. Returns false if it is active, or the run that started it is: that one may not
    /// have read its result yet.
    package func delete(on connection: Connection) throws -> Bool {
        try connection.atomically { connection in
            guard try connection.execute(RunRemoval.removing(self)) == 1 else { return false }
            if let workflowID = source.workflowID {
                try connection.pipeline(RunRemoval.removingVersions(of: workflowID, ownedBy: userID))
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
    /// Decodes the column `ExecutionRow.steps`, in which each output is `true` or null; nil if `outputs` lacks them.
    static func all(_ columns: inout Columns, _ outputs: [Value]) throws -> [StepOf]? {
        let steps = try fields(&columns)
        guard steps.count(where: { $0[5] == true }) == outputs.count else { return nil }
        var rest = outputs[...]
        return try steps.map { try StepOf($0, output: $0[5] == true ? rest.removeFirst() : .null) }
    }

    /// The values of each step in the column `ExecutionRow.steps`.
    fileprivate static func fields(_ columns: inout Columns) throws -> [[JSON]] {
        try columns.next(JSON?.self)?.arrayValue?.map { step in
            guard let fields = step.arrayValue, fields.count == 13 else { throw Unreadable() }
            return fields
        } ?? []
    }

    fileprivate init(_ fields: [JSON], output: Value) throws {
        guard let number = fields[0].integerValue, let task = fields[1].stringValue,
            let type = fields[2].stringValue, let status = fields[3].stringValue.flatMap(StepStatus.init),
            let attempt = fields[4].integerValue, let started = fields[9].integerValue,
            let duration = fields[10].integerValue, let cost = fields[11].integerValue
        else { throw Unreadable() }
        self.init(
            number: Int(number), task: task, type: type, status: status, attempt: Int(attempt), output: output,
            failure: TaskFailure(json: fields[6]), condition: fields[7].stringValue, next: fields[8].stringValue,
            started: .microseconds(started), duration: .microseconds(duration), cost: cost,
            isSuperseded: fields[12] == true)
    }
}

extension Step {
    /// Decodes the column `ExecutionRow.steps` with its outputs.
    static func all(_ columns: inout Columns) throws -> [Step] {
        try fields(&columns).map { try Step($0, output: $0[5]) }
    }
}

/// A row of `steps` does not have the form that this program writes.
private struct Unreadable: Error {}
