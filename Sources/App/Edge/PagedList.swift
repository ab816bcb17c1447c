import HTTP
import JSON
import Postgres

/// A list that is read page by page: its items, and what a query can ask for. Items are ordered by `(created_at, id)`,
/// or by another column and the id if the list declares one.
struct PagedList: Sendable {
    /// A column that a query may compare with a value.
    struct Filter: Sendable {
        let name: String
        let column: SQL
        let schema: JSONSchema
        let summary: String?
        /// Converts the text of the query to a value of the column; nil when it is not valid.
        let parse: @Sendable (String) -> SQL?

        private init(
            _ name: StaticString, _ sql: SQL?, _ schema: JSONSchema, summary: String? = nil,
            parse: @escaping @Sendable (String) -> SQL?
        ) {
            self.name = name.description
            column = sql ?? SQL(stringLiteral: name)
            self.schema = schema
            self.summary = summary
            self.parse = parse
        }

        // Without `sql`, the column has the filter's name.

        static func text(_ name: StaticString, fitting schema: JSONSchema, sql: SQL? = nil) -> Filter {
            Filter(name, sql, schema) {
                schema.violations(in: .string($0)).isEmpty ? "\($0)" : nil
            }
        }

        static func id(_ name: StaticString, sql: SQL? = nil) -> Filter {
            Filter(name, sql, .string(format: .uuid)) { $0.isUUID ? "\($0)" : nil }
        }

        static func boolean(_ name: StaticString, summary: String? = nil, sql: SQL? = nil) -> Filter {
            Filter(name, sql, .boolean, summary: summary) { ["true": true, "false": false][$0].map { "\($0)" } }
        }
    }

    /// Names the list in its cursors.
    let name: String
    let items: Resource
    let filters: [Filter]
    /// Integer columns by which the list can be sorted, in addition to the time of creation.
    let orders: [Column]
    let created: SQL
    let id: SQL

    /// - Parameter id: the column that decides between items of the same instant; by default the member `id`.
    init(
        _ name: String, of items: Resource, filters: [Filter] = [], sortableBy orders: [String] = [], id: SQL? = nil
    ) {
        self.name = name
        self.items = items
        self.filters = filters
        self.orders = orders.map { items[$0] }
        created = items["created_at"].expression
        self.id = id ?? items["id"].expression
    }

    /// The query parameters.
    var parameters: [Parameter] {
        let names = ["created_at"] + orders.map(\.name)
        let sort = JSONSchema.string(
            enum: names + names.map { "-\($0)" }, names: (names + names.map { "\($0)_desc" }).map { $0.uppercased() })
        let field = JSONSchema.string(enum: items.members.map(\.name))
        return [
            Parameter("limit", .integer(1...100), "Maximum number of items. Default: 20"),
            Parameter(
                "cursor", .string(maxLength: Request.maximumQueryValueLength), "`next_cursor` of the previous page"),
            Parameter(
                "sort", sort.named(after: items.schema, "Sort"),
                "The field to sort by, ascending; with `-` in front, descending. Default: -created_at"),
            Parameter(
                "fields", .array(of: field.named(after: items.schema, "Field"), count: 1...items.members.count),
                "The fields that each item has, separated by commas or each as a `fields` of its own. Default: all"),
        ]
            + filters.map {
                Parameter($0.name, $0.schema, $0.summary ?? "Only items whose `\($0.name)` has this value")
            }
    }

    /// The schema of a page, named after its items: `PostPage` of `PostItem`. No member of an item is required, because
    /// the caller selects the fields.
    var schema: JSONSchema {
        let selected = items.schema.partial.described("An item of a list: it has the fields that `fields` selects")
        return .page(of: selected.named(after: items.schema, "Item"), named: items.schema)
    }
}

extension JSONSchema {
    /// The schema of a list without pages, with all fields of its items.
    static func list(of item: JSONSchema) -> JSONSchema { page(of: item, named: item) }

    fileprivate static func page(of item: JSONSchema, named whole: JSONSchema) -> JSONSchema {
        let page = JSONSchema.object(required: [
            "items": .array(of: item),
            "next_cursor": JSONSchema.string.nullable.described(
                "Pass it as `cursor` to get the next page; null on the last page"),
        ])
        return page.named(after: whole, "Page")
    }

    /// The schema, named after the items and with the suffix: `ExecutionSummary` becomes `ExecutionPage`.
    fileprivate func named(after item: JSONSchema, _ suffix: String) -> JSONSchema {
        guard let name = item.name else { return self }
        let noun = name.hasSuffix("Summary") ? String(name.dropLast("Summary".count)) : name
        return named(noun + suffix)
    }
}
