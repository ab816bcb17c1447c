import JSON
package import Postgres
import System

extension EventLog {
    /// How many steps of a record are read at once.
    static let stepsPerRead = 100

    /// Whose run it is, and whether it is active; nil for a run that is not there, or that the caller may not see.
    package static func run(
        _ executionID: String, in visibility: Visibility, on connection: Connection
    ) throws -> (ownerID: String, isActive: Bool)? {
        try connection.query(
            """
            SELECT e.user_id, e.status = 'running' FROM executions e
            WHERE e.id = \(executionID) AND \(visibility.condition)
            """
        ).first?.decode(String.self, Bool.self)
    }

    /// The first events for a reader of one run: its steps so far and then its state, which continue in the log.
    package struct Record: Sendable {
        package let events: [RunEvent]
        /// Where the reader continues. `.steps`: there are more steps.
        package let next: EventCursor
    }

    /// Reads what the record of a run has beyond the steps that are known, in one snapshot; nil if the run is gone.
    ///
    /// - Parameter start: where the log begins to be complete.
    package static func record(
        of executionID: String, beyond seen: StepsSeen, from start: EventPosition, on connection: Connection
    ) throws -> Record? {
        let found = try connection.query(
            """
            SELECT e.user_id, \(ExecutionSummary.status), e.stopped_at,
                coalesce(e.error, (
                    SELECT s.error FROM steps s WHERE s.execution_id = e.id ORDER BY s.seq DESC LIMIT 1)),
                coalesce((SELECT (q.progress->>'cost')::bigint FROM queue q WHERE q.execution_id = e.id), e.cost),
                \(ExecutionSummary.flowID), \(ExecutionSummary.flowName), e.workflow_id, e.version, e.parent_id,
                (extract(epoch FROM e.created_at) * 1000000)::bigint,
                (extract(epoch FROM e.finished_at - e.created_at) * 1000000)::bigint,
                (SELECT json_build_array(l.xid::text::bigint, l.id, json_array_length(l.changes)) FROM events l
                    WHERE l.execution_id = e.id ORDER BY l.xid DESC, l.id DESC LIMIT 1),
                (SELECT json_agg(json_build_array(s.seq, s.task, s.type, s.status, s.attempt, NULL, s.error,
                    s.condition, s.next, s.started_us, s.duration_us, s.cost, s.superseded) ORDER BY s.seq)
                FROM (SELECT * FROM steps s WHERE s.execution_id = e.id AND s.seq > \(seen.number)
                    ORDER BY s.seq LIMIT \(stepsPerRead)) s)
            FROM executions e WHERE e.id = \(executionID)
            """
        ).first
        guard let found else { return nil }
        var columns = found.columns
        let userID = try columns.next(String.self)
        var change = RunStatusChange(ExecutionStatus(rawValue: try columns.next()) ?? .running)
        let (stoppedAt, error) = (try columns.next(String?.self), try columns.next(JSON?.self))
        change.cost = try columns.next(Int64.self)
        change.flowID = try columns.next(String.self)
        change.flowName = try columns.next(String.self)
        change.workflowID = try columns.next(String?.self)
        change.version = try columns.next(Int?.self)
        change.parentID = try columns.next(String?.self)
        let (created, duration) = (try columns.next(Int64.self), try columns.next(Int64?.self))
        if change.status.isEnd {
            (change.stoppedAt, change.failure) = (stoppedAt, error.flatMap { TaskFailure(json: $0) })
            change.duration = duration.map { .microseconds($0) }
        }
        let last = try columns.next(JSON?.self).flatMap { EventPosition(lastRow: $0) }
        let steps = try Step.fields(&columns).map { try Step($0, output: .null) }

        let subject = Subject(executionID: executionID, userID: userID, created: created)
        var events = steps.filter { !seen.includes($0) }.map { step in
            RunEvent(
                name: .step, data: subject.data(at: step.started + step.duration) { step.writeEvent(to: &$0) },
                cursor: .steps(StepsSeen(step)))
        }
        if let step = steps.last, steps.count == stepsPerRead {
            return Record(events: events, next: .steps(StepsSeen(step)))
        }
        let position = last.map { $0.isBefore(start) ? start : $0 } ?? start
        let next = change.status.isEnd ? EventCursor.end(position) : .position(position)
        let time = change.duration ?? steps.last.map { $0.started + $0.duration } ?? .zero
        events.append(
            RunEvent(name: .execution, data: subject.data(at: time) { change.write(to: &$0) }, cursor: next))
        return Record(events: events, next: next)
    }

    /// The members that each event of a run begins with.
    private struct Subject {
        let executionID: String
        let userID: String
        /// When the run was created, in microseconds since 1970.
        let created: Int64

        func data(at time: Duration, _ write: (inout JSONWriter) -> Void) -> JSONText {
            .object { object in
                object.member("execution_id", executionID)
                object.member("user_id", userID)
                object.member("at", RFC3339.text(milliseconds: (created + time.microseconds) / 1_000))
                write(&object)
            }
        }
    }
}

extension EventPosition {
    /// The position after a row: its transaction, its number, and the number of its changes.
    fileprivate init?(lastRow json: JSON) {
        guard let fields = json.arrayValue, fields.count == 3, let transaction = fields[0].integerValue,
            let row = fields[1].integerValue, let count = fields[2].integerValue
        else { return nil }
        self.init(transaction: transaction, row: row, index: Int(count) - 1, isEndOfRow: true)
    }

    /// Whether the log is not complete between this position and the other.
    fileprivate func isBefore(_ other: EventPosition) -> Bool { transaction < other.transaction }
}
