import Crypto
import HTTP
import JSON
import Postgres

/// Paging, filtering and field selection, common to all lists. Items are ordered by `(created_at, id)`, or by another
/// column and the id if the list declares one.
struct ListQuery {
    /// A column that a query may compare with a value.
    struct Filter {
        let name: String
        let column: SQL
        let schema: JSONSchema
        var summary: String?
        /// Converts the text of the query to a value of the column; nil when it is not valid.
        let parse: @Sendable (String) -> SQL?

        static func text(_ name: String, _ column: SQL, fitting schema: JSONSchema) -> Filter {
            Filter(name: name, column: column, schema: schema) {
                schema.violations(in: .string($0)).isEmpty ? "\($0)" : nil
            }
        }

        static func id(_ name: String, _ column: SQL) -> Filter {
            Filter(name: name, column: column, schema: .string(format: .uuid)) { $0.isUUID ? "\($0)" : nil }
        }

        static func boolean(_ name: String, _ column: SQL, summary: String? = nil) -> Filter {
            Filter(name: name, column: column, schema: .boolean, summary: summary) {
                ["true": true, "false": false][$0].map { "\($0)" }
            }
        }
    }

    /// An integer column by which a list can be sorted, in addition to the time of creation.
    struct Order {
        let name: String
        let column: SQL
    }

    /// The position of an item in the order of its list; a cursor contains the position of the last item of a page.
    struct Position {
        /// The value of the column that the list is sorted by; for a time, the microseconds since 1970.
        let value: Int64
        let id: String

        init(value: Int64, id: String) {
            self.value = value
            self.id = id
        }

        init(createdAtMicroseconds value: Int64, id: String) { self.init(value: value, id: id) }
    }

    private let scope: String
    private let limit: Int
    /// Nil: sorted by time.
    private let order: Order?
    private let isDescending: Bool
    private let after: Position?
    private let conditions: [SQL]
    private let fields: [String]?

    /// The query parameters that a list declares.
    static func parameters(_ filters: [Filter], orders: [Order] = [], schema: JSONSchema) -> [Parameter] {
        let names = ["created_at"] + orders.map(\.name)
        let sort = JSONSchema.string(
            enum: names + names.map { "-\($0)" }, names: (names + names.map { "\($0)_desc" }).map { $0.uppercased() })
        let field = JSONSchema.string(enum: schema.propertyNames)
        return [
            Parameter("limit", .integer(1...100), "Maximum number of items. Default: 20"),
            Parameter(
                "cursor", .string(maxLength: Request.longestQueryValue), "`next_cursor` of the previous page"),
            Parameter(
                "sort", named(sort, after: schema, "Sort"),
                "The field to sort by, ascending; with `-` in front, descending. Default: -created_at"),
            Parameter(
                "fields", .array(of: named(field, after: schema, "Field"), count: 1...schema.propertyNames.count),
                "The fields that each item has, separated by commas or each as a `fields` of its own. Default: all"),
        ]
            + filters.map {
                Parameter($0.name, $0.schema, $0.summary ?? "Only items whose `\($0.name)` has this value")
            }
    }

    /// Throws 400 for a value that is not valid. `list` names the list, so that a cursor of another list or user is
    /// refused.
    init(
        _ query: FormFields, of userID: String, list: String, filters: [Filter], orders: [Order] = [],
        schema: JSONSchema
    ) throws {
        guard let limit = Int(query["limit"] ?? "20"), (1...100).contains(limit) else {
            throw Problem(.badRequest, "'limit' must be an integer from 1 to 100")
        }
        self.limit = limit
        let sort = query["sort"] ?? "-created_at"
        isDescending = sort.hasPrefix("-")
        let name = isDescending ? String(sort.dropFirst()) : sort
        order = orders.first { $0.name == name }
        guard order != nil || name == "created_at" else {
            let names = ["created_at"] + orders.map(\.name)
            throw Problem(
                .badRequest, "'sort' must be \(names.joined(separator: " or ")), with or without - in front of it")
        }
        scope = "\(list) \(userID)" + (order.map { " by \($0.name)" } ?? "")
        conditions = try filters.compactMap { filter in
            guard let text = query[filter.name] else { return nil }
            guard let value = filter.parse(text) else {
                let reason = filter.schema.violations(in: .string(text)).first?.message ?? "is not valid"
                throw Problem(.badRequest, "'\(filter.name)' \(reason)")
            }
            return "\(filter.column) = \(value)"
        }
        let known = schema.propertyNames
        fields = query["fields"]?.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        for field in fields ?? [] where !known.contains(field) {
            throw Problem(.badRequest, "'fields' names an unknown field: '\(field)'")
        }
        if let fields, fields.count > known.count {
            throw Problem(.badRequest, "'fields' names a field twice")
        }
        // Times until the year 2100, which the database can represent.
        let greatest: Int64 = order == nil ? 4_102_444_800_000_000 : .max
        after = try query["cursor"].map { [scope] in try ListQuery.position(from: $0, in: scope, upTo: greatest) }
    }

    /// What follows `WHERE …` in the list's statement: filters, cursor, order and limit. `created` and `id` are the
    /// ordering columns.
    func clauses(created: SQL, id: SQL) -> SQL {
        let column = order?.column ?? created
        var clauses: SQL = ""
        for condition in conditions { clauses = "\(clauses) AND \(condition)" }
        if let after {
            let comparison: SQL = isDescending ? "<" : ">"
            let value: SQL =
                order == nil
                ? "to_timestamp(0) + \(after.value) * interval '1 microsecond'" : "\(after.value)::bigint"
            clauses = "\(clauses) AND (\(column), \(id)) \(comparison) (\(value), \(after.id)::uuid)"
        }
        let direction: SQL = isDescending ? "DESC" : "ASC"
        return "\(clauses) ORDER BY \(column) \(direction), \(id) \(direction) LIMIT \(limit + 1)"
    }

    /// The column for the value of `Position`, in a list that is always sorted by time.
    static func position(created: SQL) -> SQL { "(extract(epoch FROM \(created)) * 1000000)::bigint" }

    /// The same column, in a list that can also be sorted by other columns.
    func position(created: SQL) -> SQL { order?.column ?? ListQuery.position(created: created) }

    /// The answer, from one more item than the page contains if there is a next page.
    func page(_ items: [(position: Position, json: JSON)]) -> Response {
        let shown = items.prefix(limit)
        let next = items.count > limit ? shown.last.map { cursor(at: $0.position) } : nil
        return .json(["items": .array(shown.map { select($0.json) }), "next_cursor": JSON(next)])
    }

    private func select(_ item: JSON) -> JSON {
        guard let fields, let object = item.objectValue else { return item }
        return .object(JSONObject(object.members.filter { fields.contains($0.name) }))
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

    /// The schema of a page of such items, named after them: `PostPage` of `PostItem`. No member of an item is
    /// required, because the caller selects the fields.
    static func schema(of item: JSONSchema) -> JSONSchema {
        let selected = item.partial.described("An item of a list: it has the fields that `fields` selects")
        return page(of: named(selected, after: item, "Item"), named: item)
    }

    /// The schema of a list without pages, with all fields of its items.
    static func wholeSchema(of item: JSONSchema) -> JSONSchema { page(of: item, named: item) }

    private static func page(of item: JSONSchema, named whole: JSONSchema) -> JSONSchema {
        let page = JSONSchema.object(required: [
            "items": .array(of: item),
            "next_cursor": JSONSchema.string.nullable.described(
                "Pass it as `cursor` to get the next page; null on the last page"),
        ])
        return named(page, after: whole, "Page")
    }

    /// The schema, named after the items and with the suffix: `ExecutionSummary` becomes `ExecutionPage`.
    private static func named(_ schema: JSONSchema, after item: JSONSchema, _ suffix: String) -> JSONSchema {
        guard let name = item.name else { return schema }
        let noun = name.hasSuffix("Summary") ? String(name.dropLast("Summary".count)) : name
        return schema.named(noun + suffix)
    }
}
