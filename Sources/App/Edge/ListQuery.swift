import Crypto
import HTTP
import JSON
import Postgres
import System

/// The page of a list that a query asks for: paging, filtering, sorting and field selection, common to all lists.
struct ListQuery {
    /// The position of an item in the order of its list; a cursor contains the position of the last item of a page.
    private struct Position {
        /// The value of the column that the list is sorted by; for a time, the microseconds since 1970.
        let value: Int64
        let id: String
    }

    private let list: PagedList
    /// What a cursor must name, so that a cursor of another list, user or order is refused.
    private let scope: String
    private let limit: Int
    /// Nil: sorted by time.
    private let order: Column?
    private let isDescending: Bool
    private let after: Position?
    private let conditions: [SQL]
    private let partitions: [PagedList.Partition]
    private let fields: [String]?

    /// Throws 400 for a value that is not valid.
    ///
    /// - Parameter parameters: the values of the path's parameters, which select one of several such lists.
    init(
        _ query: FormFields, of list: PagedList, at parameters: [String] = [], for userID: String
    ) throws {
        self.list = list
        limit = try Self.limit(query, default: 20)
        let sort = query["sort"] ?? "-created_at"
        isDescending = sort.hasPrefix("-")
        let name = isDescending ? String(sort.dropFirst()) : sort
        order = list.orders.first { $0.name == name }
        guard order != nil || name == "created_at" else {
            let names = ["created_at"] + list.orders.map(\.name)
            throw Problem(
                .badRequest, "'sort' must be \(names.joined(separator: " or ")), with or without - in front of it")
        }
        let names = [list.name] + parameters + [userID]
        scope = names.joined(separator: " ") + (order.map { " by \($0.name)" } ?? "")
        conditions = try list.filters.compactMap { filter in
            guard let text = query[filter.name] else { return nil }
            guard let condition = filter.condition(text) else {
                throw Problem(.badRequest, "'\(filter.name)' \(filter.reason(text))")
            }
            return condition
        }
        partitions = list.partitions(query, userID)
        fields = query["fields"]?.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        for field in fields ?? [] where !list.items.members.contains(where: { $0.name == field }) {
            throw Problem(.badRequest, "'fields' names an unknown field: '\(field)'")
        }
        if let fields, Set(fields).count < fields.count {
            throw Problem(.badRequest, "'fields' names a field twice")
        }
        // Times until the year 2100, which the database can represent.
        let greatest: Int64 = order == nil ? 4_102_444_800_000_000 : .max
        after = try query["cursor"].map { [scope] in try ListQuery.position(from: $0, in: scope, upTo: greatest) }
    }

    /// How many items a page may have. Throws 400 for a value that is not valid.
    static func limit(_ query: FormFields, default count: Int) throws -> Int {
        guard let limit = query["limit"].map({ Int(plain: $0) }) ?? count, (1...100).contains(limit) else {
            throw Problem(.badRequest, "'limit' must be an integer from 1 to 100")
        }
        return limit
    }

    /// The page of those items in `source` that the query asks for.
    ///
    /// - Parameter source: what follows `FROM`, up to a condition after `WHERE`.
    func page(from source: SQL, on connection: Connection) throws -> Response {
        let rows = try connection.query(statement(from: source))
        return .json(
            try .object { page in
                var next: String?
                try page.arrayMember("items") { items in
                    for (position, row) in rows.prefix(limit).enumerated() {
                        var columns = row.columns
                        try items.element { try list.items.write(&columns, to: &$0, fields: fields) }
                        guard position == limit - 1, rows.count > limit else { continue }
                        next = cursor(at: Position(value: try columns.next(), id: try columns.next()))
                    }
                }
                page.member("next_cursor", optional: next)
            })
    }

    /// Selects one more item than the page contains if there is a next page, each with its position.
    private func statement(from source: SQL) -> SQL {
        guard !partitions.isEmpty else { return selection(from: source) }
        let names: [SQL] = partitions.indices.map { "partition\(unsafeRaw: String($0))" }
        let values = zip(partitions, names).map { partition, name -> SQL in
            "unnest(\(partition.values)) AS \(name) (value)"
        }
        let matches = zip(partitions, names).map { partition, name -> SQL in "\(partition.column) = \(name).value" }
        return """
            SELECT page.* FROM \(values.joined(separator: ", ")),
                LATERAL (\(selection(from: source, where: matches))) AS page
            \(ordering(by: "page.list_position", "page.list_id"))
            """
    }

    private func selection(from source: SQL, where more: [SQL] = []) -> SQL {
        let (column, id) = (order?.expression ?? list.created, list.id)
        let columns = fields.map(list.items.columns(for:)) ?? list.items.columns
        let position: SQL = order == nil ? "(extract(epoch FROM \(column)) * 1000000)::bigint" : column
        var statement: SQL = """
            SELECT \(columns), \(position) AS list_position, \(id) AS list_id FROM \(source)
            """
        for condition in conditions + more { statement.append(" AND \(condition)") }
        if let after {
            let comparison: SQL = isDescending ? " < " : " > "
            let value: SQL =
                order == nil
                ? "to_timestamp(0) + \(after.value) * interval '1 microsecond'" : "\(after.value)::bigint"
            statement.append(" AND (\(column), \(id))\(comparison)(\(value), \(after.id)::uuid)")
        }
        statement.append(" \(ordering(by: column, id))")
        return statement
    }

    private func ordering(by column: SQL, _ id: SQL) -> SQL {
        let direction: SQL = isDescending ? "DESC" : "ASC"
        return "ORDER BY \(column) \(direction), \(id) \(direction) LIMIT \(limit + 1)"
    }

    private func cursor(at position: Position) -> String {
        let parts: JSON = [.string(scope), .integer(position.value), .string(position.id)]
        return Base64URL.encode(parts.serialized())
    }

    private static func position(from cursor: String, in scope: String, upTo greatest: Int64) throws -> Position {
        guard let bytes = Base64URL.decode(cursor.utf8), let parts = try? JSON(parsing: bytes).arrayValue,
            parts.count == 3, parts[0] == .string(scope), let value = parts[1].integerValue,
            (0...greatest).contains(value), let id = parts[2].stringValue, id.isUUID
        else { throw Problem(.invalidCursor) }
        return Position(value: value, id: id)
    }
}
