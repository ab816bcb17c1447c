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
    /// The columns of a record, from `executions e` with `recordJoins`; among the steps are the lengths of the outputs.
    static let recordColumns: SQL = """
        \(columns), q.state, rfc3339(e.created_at), rfc3339(e.finished_at),
        (extract(epoch FROM e.created_at) * 1000000)::bigint,
        (extract(epoch FROM e.finished_at - e.created_at) * 1000000)::bigint, e.copied_inputs, e.differs, s.steps
        """

    static let recordJoins: SQL = """
        \(joins) \(queueJoin)
        LEFT JOIN LATERAL (
            SELECT json_agg(json_build_array(s.seq, s.task, s.type, s.status, s.attempt, octet_length(s.output::text),
                    s.error, s.condition, s.next, s.started_us, s.duration_us, s.cost, s.superseded) ORDER BY s.seq)
                    AS steps,
                sum(octet_length(s.output::text)) AS size
            FROM steps s WHERE s.execution_id = e.id) s ON true
        """
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
    /// - Parameter admitLarge: called before the outputs are read if they have more than a mebibyte together.
    package static func find(
        _ id: String, in visibility: Visibility, on connection: Connection, admitLarge: () throws -> Void = {}
    ) throws -> RecordedExecution<JSONText>? {
        try record(id, in: visibility, on: connection, admitLarge: admitLarge)
    }
}

extension ExecutionOf where Value: PostgresDecodable {
    /// Up to this many bytes, outputs are read together as one text.
    private static var joinedOutputs: Int { 64 << 10 }
    private static var largeOutputs: Int { 1 << 20 }

    /// Finds the execution with that id, if it is one of those, with all its steps. While it is active, its status is
    /// that of its row in the queue.
    fileprivate static func record(
        _ id: String, in visibility: Visibility, on connection: Connection, admitLarge: () throws -> Void
    ) throws -> RecordedExecution<Value>? {
        let found = try connection.query(
            """
            SELECT \(ExecutionRow.recordColumns), CASE WHEN s.size <= \(joinedOutputs) THEN (
                SELECT string_agg(o.output::text, '' ORDER BY o.seq) FROM steps o WHERE o.execution_id = e.id) END
            FROM executions e \(ExecutionRow.recordJoins) WHERE e.id = \(id) AND \(visibility.condition)
            """
        ).first
        guard let found else { return nil }
        var columns = found.columns
        let (record, size) = try decode(&columns, nil)
        guard size > joinedOutputs else { return record }
        if size > largeOutputs { try admitLarge() }
        // Each output has a row of its own, the first one together with the execution: so Postgres and libpq copy one
        // after another, which takes a fraction of the time that they take for all of them in one value.
        let rows = try connection.query(
            """
            WITH record AS (
                SELECT \(ExecutionRow.recordColumns), NULL, 1::bigint AS place
                FROM executions e \(ExecutionRow.recordJoins) WHERE e.id = \(id) AND \(visibility.condition)),
            outputs AS (
                SELECT s.output, row_number() OVER (ORDER BY s.seq) AS place
                FROM record JOIN steps s ON s.execution_id = record.id WHERE s.output IS NOT NULL)
            SELECT outputs.output, record.* FROM record FULL JOIN outputs ON outputs.place = record.place
            ORDER BY outputs.place
            """)
        guard let first = rows.first else { return nil }
        columns = first.columns
        columns.skip()
        let outputs = try rows.compactMap { row in
            var columns = row.columns
            return try columns.next(Value?.self)
        }
        return try decode(&columns, outputs).record
    }

    /// Decodes `ExecutionRow.recordColumns` and, unless `outputs` are given, the texts of all outputs, one after
    /// another; if these are NULL, the outputs are null.
    ///
    /// - Returns: also the length of all outputs, in bytes.
    private static func decode(
        _ columns: inout Columns, _ outputs: [Value]?
    ) throws -> (record: RecordedExecution<Value>, size: Int) {
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
        let steps = try StepOf<Value>.fields(&columns)
        let joined = try columns.next(JSONText?.self)?.bytes
        var (start, position) = (0, 0)
        execution.steps = try steps.map { fields in
            guard let length = fields[5].integerValue.map({ Int($0) }) else { return try StepOf(fields, output: .null) }
            defer { (start, position) = (start + length, position + 1) }
            if let outputs, position < outputs.count { return try StepOf(fields, output: outputs[position]) }
            guard let joined, start + length <= joined.count else { return try StepOf(fields, output: .null) }
            return try StepOf(fields, output: Value(postgresText: joined.span.extracting(start..<start + length)))
        }
        return (
            RecordedExecution(
                execution: execution, createdAt: createdAt, finishedAt: finishedAt, stepInputs: execution.stepInputs),
            size: start
        )
    }
}
