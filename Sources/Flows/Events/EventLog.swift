import JSON
package import Postgres

/// The log of what happens to runs, from which their events are read.
///
/// A commit of a run writes one row, if anyone reads events of its owner. Rows of one run are committed in their order,
/// so a reader of one run takes what it sees. Rows of different runs are not: a reader of several runs takes only those
/// below the horizon, the oldest transaction in progress. So both continue from a position without asking which rows
/// they have had.
package enum EventLog {
    /// How many rows one reader gets at once, and all readers together.
    static let rowsPerReader = 50
    static let rowsPerRead = 1_000
    /// The same in bytes; the row that exceeds a limit is the last one. A row has all steps of a commit, with the
    /// messages of their errors.
    static let bytesPerReader = 256 << 10
    static let bytesPerRead = 2 << 20

    /// What a reader asks for: what follows a position in its source.
    package struct Request: Sendable, Hashable {
        package let source: EventSource
        package let position: EventPosition

        package init(_ source: EventSource, after position: EventPosition) {
            (self.source, self.position) = (source, position)
        }
    }

    package struct Answer: Sendable {
        /// In their order, with the positions after them.
        package let events: [(event: RunEvent, position: EventPosition)]
        /// Whether there is nothing more at present.
        package let isComplete: Bool
    }

    /// Reads what follows each of these positions, in one round trip. The answers are in the order of the requests. If
    /// there is more than one read takes, the first requests are answered.
    ///
    /// - Returns: also a horizon: the events of transactions below it are in the answers that are complete.
    package static func read(
        _ requests: [Request], on connection: Connection
    ) throws -> (answers: [Answer], horizon: Int64) {
        let groups = Dictionary(grouping: requests.indices) { requests[$0].group }
        let order = Group.allCases.filter { groups[$0] != nil }
        let statements = order.map { group in group.statement(groups[group, default: []].map { requests[$0] }) }
        // The first statement, so that its horizon is not later than what the others see.
        let results = try connection.pipeline(
            ["SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"] + statements)
        var answers = [Answer](repeating: Answer(events: [], isComplete: false), count: requests.count)
        for (group, rows) in zip(order, results.dropFirst()) {
            let members = groups[group, default: []]
            let read = try rows.map { try numbered($0) }
            let found = Dictionary(grouping: read, by: \.number)
            // If the statement gave as much as it may, the rows of the last request may be incomplete.
            let isWhole = rows.count < rowsPerRead && read.reduce(0) { $0 + $1.size } < bytesPerRead
            let end = isWhole ? members.count : found.keys.max() ?? 0
            for (index, member) in members.enumerated() where index <= end {
                let own = found[index] ?? []
                let events = own.flatMap { $0.row.events(after: requests[member].position) }
                let isComplete = own.count < rowsPerReader && own.reduce(0) { $0 + $1.size } < bytesPerReader
                answers[member] = Answer(events: events, isComplete: index < end && isComplete)
            }
        }
        return (answers, try results[results.startIndex].only.decode(Int64.self))
    }

    private static func numbered(_ row: Row) throws -> (number: Int, size: Int, row: EventRow) {
        var columns = row.columns
        let (number, size) = (try columns.next(Int.self), try columns.next(Int.self))
        let (transaction, id) = (try columns.next(Int64.self), try columns.next(Int64.self))
        let (userID, executionID) = (try columns.next(String.self), try columns.next(String.self))
        let time = try columns.next(String.self)
        let changes = try columns.next(JSON.self).arrayValue ?? []
        return (
            number, size,
            EventRow(
                transaction: transaction, number: id, executionID: executionID, userID: userID, time: time,
                changes: changes)
        )
    }

    /// The position after the last event of these runs that is below the horizon; nil if there is none.
    package static func latest(
        of visibility: Visibility, on connection: Connection
    ) throws -> EventPosition? {
        let condition: SQL =
            switch visibility {
            case .all: "true"
            case .user(let id): "e.user_id = \(id)"
            case .key(let key, nil): "e.key_id = \(key)"
            case .key(let key, let id?): "e.user_id = \(id) AND e.key_id = \(key)"
            }
        return try connection.query(
            """
            SELECT e.xid::text::bigint, e.id, json_array_length(e.changes) FROM events e
            WHERE \(condition) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY e.xid DESC, e.id DESC LIMIT 1
            """
        ).first.map { row in
            let (transaction, number, count) = try row.decode(Int64.self, Int64.self, Int.self)
            return EventPosition(transaction: transaction, row: number, index: count - 1, isEndOfRow: true)
        }
    }

    /// Whether the position is after all events of the run, as far as the log that the reader has can say so.
    package static func isLast(
        _ position: EventPosition, of executionID: String, for reader: EventReader, on connection: Connection
    ) throws -> Bool {
        guard try registrations(of: [reader], on: connection)[reader]?.covers(.position(position)) == true else {
            return false
        }
        return try connection.query(
            """
            SELECT FROM events e WHERE e.execution_id = \(executionID)
                AND (e.xid, e.id) > (\(position.transaction)::text::xid8, \(position.row)) LIMIT 1
            """
        ).isEmpty
    }

    /// The runs among these that are active.
    package static func active(among runs: [String], on connection: Connection) throws -> Set<String> {
        let rows = try connection.query(
            "SELECT id FROM executions WHERE id = ANY(\(runs)::uuid[]) AND status = 'running'")
        return Set(try rows.map { try $0.decode(String.self) })
    }
}

extension EventLog {
    /// Requests of one kind are answered by one statement.
    fileprivate enum Group: CaseIterable {
        case run, user, key, all, allOfKey

        func statement(_ requests: [Request]) -> SQL {
            let sources = requests.map(\.ids)
            let positions = requests.map(\.position)
            return """
                WITH found AS (
                    SELECT w.number, e.*
                    FROM unnest(\(sources.map(\.first))::uuid[], \(sources.map(\.second))::uuid[],
                        \(positions.map { String($0.transaction) })::xid8[], \(positions.map(\.lastRow))::bigint[])
                        WITH ORDINALITY AS w (first, second, xid, row, number)
                    CROSS JOIN LATERAL (
                        SELECT l.*, sum(l.size) OVER (ORDER BY l.xid, l.id) - l.size AS before FROM (
                            SELECT * FROM events e WHERE \(condition) AND (e.xid, e.id) > (w.xid, w.row)
                            ORDER BY e.xid, e.id LIMIT \(rowsPerReader)) l) e
                    WHERE e.before < \(bytesPerReader)
                    ORDER BY w.number, e.xid, e.id LIMIT \(rowsPerRead)
                ), counted AS (
                    SELECT f.*, sum(f.size) OVER (ORDER BY f.number, f.xid, f.id) - f.size AS earlier FROM found f)
                SELECT c.number - 1, c.size, c.xid::text::bigint, c.id, c.user_id, c.execution_id,
                    rfc3339(c.created_at), c.changes
                FROM counted c WHERE c.earlier < \(bytesPerRead) ORDER BY c.number, c.xid, c.id
                """
        }

        private var condition: SQL {
            let isFinal: SQL = "e.xid < pg_snapshot_xmin(pg_current_snapshot())"
            return switch self {
            case .run: "e.execution_id = w.first"
            case .user: "e.user_id = w.first AND \(isFinal)"
            case .key: "e.user_id = w.first AND e.key_id = w.second AND \(isFinal)"
            case .all: isFinal
            case .allOfKey: "e.key_id = w.second AND \(isFinal)"
            }
        }
    }
}

extension EventLog.Request {
    fileprivate var group: EventLog.Group {
        switch source {
        case .run: .run
        case .runs(.all): .all
        case .runs(.user): .user
        case .runs(.key(_, nil)): .allOfKey
        case .runs(.key): .key
        }
    }

    /// The run or user, and the key; another id if there is none.
    fileprivate var ids: (first: String, second: String) {
        let none = "00000000-0000-0000-0000-000000000000"
        return switch source {
        case .run(let id), .runs(.user(let id)): (id, none)
        case .runs(.all): (none, none)
        case .runs(.key(let key, let userID)): (userID ?? none, key)
        }
    }
}
