package import JSON
package import Postgres

/// A stored execution, with its times (RFC 3339).
package struct RecordedExecution<Value: JSONValue>: Sendable {
    package let execution: ExecutionOf<Value>
    package let createdAt: String
    package let finishedAt: String?
    /// The input of each step.
    package let stepInputs: [Value]
}

extension ExecutionRow {
    /// Outputs that are longer together, and inputs of steps that are, make a record large; in bytes.
    static let largeRecord = 1 << 20

    /// An execution and its steps; of their values only whether there are any. Of partitioned tables, the database reads
    /// one partition for a value of the statement; for a column of another table it would prepare to read all of them.
    fileprivate static func withoutOutputs(_ id: String, in visibility: Visibility) -> SQL {
        """
        SELECT \(columns), q.state, rfc3339(e.created_at), rfc3339(e.finished_at),
            (extract(epoch FROM e.created_at) * 1000000)::bigint,
            (extract(epoch FROM e.finished_at - e.created_at) * 1000000)::bigint, e.copied_inputs, e.differs,
            \(costOfStartedRuns),
            (SELECT json_agg(json_build_array(s.seq, s.task, s.type, s.status, s.attempt,
                num_nonnulls(s.input, s.output) > 0, s.error, s.condition, s.next, s.started_us, s.duration_us,
                s.cost, s.superseded) ORDER BY s.seq)
            FROM steps s WHERE s.execution_id = \(id))
        FROM executions e \(joins) \(queueJoin) WHERE e.id = \(id) AND \(visibility.condition)
        """
    }

    /// The cost of all runs that the run led to. Only a run that can start others has pins. The planner could read the
    /// whole table for a join, so each run's children are selected by the index, of the months in which the run was
    /// active: only then it starts others.
    private static let costOfStartedRuns: SQL = """
        CASE WHEN e.pins IS NULL THEN 0 ELSE (
            WITH RECURSIVE started AS (
                SELECT r.id, r.status, r.cost, r.finished_at FROM executions r WHERE \(isStarted(by: "e"))
                UNION ALL
                SELECT c.* FROM started p CROSS JOIN LATERAL (
                    SELECT r.id, r.status, r.cost, r.finished_at FROM executions r
                    WHERE \(isStarted(by: "p")) OFFSET 0) c)
            SELECT coalesce(sum(CASE WHEN s.status = 'running' THEN (
                SELECT (q.progress->>'cost')::bigint FROM queue q WHERE q.execution_id = s.id)
                ELSE s.cost END), 0)::bigint
            FROM started s) END
        """

    /// The clocks of machines may differ by a day.
    private static func isStarted(by parent: SQL) -> SQL {
        """
        r.parent_id = \(parent).id AND r.id >= first_id(time_of(\(parent).id) - interval '1 day')
            AND r.id < first_id(coalesce(\(parent).finished_at, now()) + interval '1 day')
        """
    }

    /// The outputs and the stored inputs of the steps that have one, in order.
    fileprivate static func values(_ id: String, in visibility: Visibility, if condition: SQL = "true") -> SQL {
        """
        SELECT s.seq, s.status, s.output, s.input FROM steps s
        WHERE s.execution_id = \(id) AND num_nonnulls(s.input, s.output) > 0 AND \(condition)
            AND EXISTS (SELECT FROM executions e WHERE e.id = \(id) AND \(visibility.condition))
        ORDER BY s.seq
        """
    }

    /// Whether the record is not large by these values. Compressed ones have to be read to know their length, which is
    /// done only if they are not large even as they are stored.
    fileprivate static func hasSmallValues(_ id: String) -> SQL {
        func length(_ column: SQL) -> SQL {
            """
            CASE WHEN pg_column_compression(\(column)) IS NULL THEN coalesce(pg_column_size(\(column)), 0)
                ELSE octet_length(\(column)::text) END
            """
        }
        return """
            (SELECT CASE
                WHEN coalesce(sum(coalesce(pg_column_size(i.output), 0) + coalesce(pg_column_size(i.input), 0)), 0)
                    > \(largeRecord) THEN false
                ELSE (
                    SELECT coalesce(sum(\(length("o.output")) + \(length("o.input"))), 0) <= \(largeRecord)
                    FROM steps o WHERE o.execution_id = \(id)) END
            FROM steps i WHERE i.execution_id = \(id))
            """
    }
}

// For each kind of value, so that the compiler specializes them.

extension Execution {
    /// Finds the user's execution.
    package static func find(
        _ id: String, of userID: String, on connection: Connection
    ) throws -> RecordedExecution<JSON>? {
        try record(id, in: .user(userID), on: connection, admitLarge: {})
    }

    /// Finds the execution with that id, if it is one of those, with all its steps.
    ///
    /// - Parameter admitLarge: called before the outputs are read if they have more than a mebibyte together.
    package static func find(
        _ id: String, in visibility: Visibility, on connection: Connection, admitLarge: () throws -> Void
    ) throws -> RecordedExecution<JSON>? {
        try record(id, in: visibility, on: connection, admitLarge: admitLarge)
    }

    /// Finds the user's execution. Its outputs are not read: they are null.
    static func findWithoutOutputs(_ id: String, of userID: String, on connection: Connection) throws -> Execution? {
        try recordWithoutOutputs(id, in: .user(userID), on: connection)
    }
}

extension ShownExecution {
    /// Finds the user's execution.
    package static func find(
        _ id: String, of userID: String, on connection: Connection
    ) throws -> RecordedExecution<JSONText>? {
        try find(id, in: .user(userID), on: connection)
    }

    /// Finds the execution with that id, if it is one of those, with all its steps.
    ///
    /// - Parameter admitLarge: called before the outputs are read if they have more than a mebibyte together, and if
    ///   the inputs of the steps have.
    package static func find(
        _ id: String, in visibility: Visibility, on connection: Connection, admitLarge: () throws -> Void = {}
    ) throws -> RecordedExecution<JSONText>? {
        let found = try record(id, in: visibility, on: connection, admitLarge: admitLarge)
        // A task's own input is part of each of its steps.
        let inputs = found?.stepInputs.reduce(0) { $0 + $1.bytes.count } ?? 0
        if inputs > ExecutionRow.largeRecord { try admitLarge() }
        return found
    }

    /// Finds the execution with that id, if it is one of those. Its outputs are not read: they are null.
    package static func findWithoutOutputs(
        _ id: String, in visibility: Visibility, on connection: Connection
    ) throws -> ShownExecution? {
        try recordWithoutOutputs(id, in: visibility, on: connection)
    }
}

extension ExecutionOf where Value: PostgresDecodable {
    fileprivate static func recordWithoutOutputs(
        _ id: String, in visibility: Visibility, on connection: Connection
    ) throws -> ExecutionOf? {
        try connection.query(ExecutionRow.withoutOutputs(id, in: visibility)).first.map {
            try StoredRecord($0).execution
        }
    }

    /// The values are read in the same round trip, unless they are large.
    fileprivate static func record(
        _ id: String, in visibility: Visibility, on connection: Connection, admitLarge: () throws -> Void
    ) throws -> RecordedExecution<Value>? {
        let results = try connection.pipeline([
            ExecutionRow.withoutOutputs(id, in: visibility),
            ExecutionRow.values(id, in: visibility, if: ExecutionRow.hasSmallValues(id)),
        ])
        guard var record = try results[0].first.map({ try StoredRecord<Value>($0) }) else { return nil }
        var values = results[1]
        if values.isEmpty, !record.stepsWithValues.isEmpty {
            try admitLarge()
            values = try connection.query(ExecutionRow.values(id, in: visibility))
        }
        guard try record.take(values) else {
            // Since the first statement the run was removed, or its open step has ended.
            return try Self.record(id, in: visibility, on: connection, admitLarge: admitLarge)
        }
        return RecordedExecution(
            execution: record.execution, createdAt: record.createdAt, finishedAt: record.finishedAt,
            stepInputs: record.execution.stepInputs)
    }
}

/// What `ExecutionRow.withoutOutputs` selects.
private struct StoredRecord<Value: JSONValue & PostgresDecodable> {
    var execution: ExecutionOf<Value>
    let createdAt: String
    let finishedAt: String?
    /// The indices of the steps that have an output or a stored input.
    let stepsWithValues: [Int]

    /// While the run is active, its status is that of its row in the queue.
    init(_ row: Row) throws {
        var columns = row.columns
        execution = try ExecutionOf(&columns)
        if let state = try columns.next(String?.self).flatMap(ExecutionStatus.init) { execution.status = state }
        (createdAt, finishedAt) = (try columns.next(String.self), try columns.next(String?.self))
        execution.createdAt = try columns.next(Int64.self)
        execution.duration = .microseconds(try columns.next(Int64?.self) ?? 0)
        for change in try columns.next(JSON?.self)?.arrayValue ?? [] {
            guard let pair = change.arrayValue, let step = pair.first?.integerValue, let input = pair.last
            else { continue }
            execution.fork?.earlierInputs.append((Int(step), Value(input)))
        }
        let differences = try columns.next(JSON?.self)
        execution.fork?.differences = differences.map { ExecutionOf.Fork.Differences(json: $0) }
        execution.costOfStartedRuns = try columns.next(Int64.self)
        let steps = try StepOf<Value>.fields(&columns)
        execution.steps = try steps.map { try StepOf($0, output: .null) }
        stepsWithValues = steps.indices.filter { steps[$0][5] == true }
    }

    /// Takes the values over; returns false if they are not those of these steps in this state.
    mutating func take(_ values: Rows) throws -> Bool {
        guard values.count >= stepsWithValues.count else { return false }
        for (index, row) in zip(stepsWithValues, values) {
            var columns = row.columns
            let (number, status) = (try columns.next(Int.self), try columns.next(String.self))
            let step = execution.steps[index]
            guard number == step.number, status == step.status.rawValue else { return false }
            execution.steps[index].output = try columns.next(Value?.self) ?? .null
            execution.steps[index].input = try columns.next(Value?.self)
        }
        return true
    }
}
