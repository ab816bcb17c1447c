import HTTP
import JSON
import Postgres

/// A list that is read page by page: its items, and what a query can ask for. Items are ordered by `(created_at, id)`,
/// or by another column and the id if the list declares one.
struct PagedList: Sendable {
    /// Names the list in its cursors.
    let name: String
    let items: Resource
    let filters: [Filter]
    /// Integer columns by which the list can be sorted, in addition to the time of creation.
    let orders: [Column]
    let created: SQL
    let id: SQL
    /// The partitions of the items that a query of a user asks for; most lists have none.
    let partitions: @Sendable (FormFields, _ userID: String) -> [Partition]

    /// A column that precedes the time in the indexes of the list, and the array of the values that it may have. A page
    /// is then merged from one page for each of these values, so that the database reads no other items.
    struct Partition: Sendable {
        let column: SQL
        let values: SQL
    }

    /// - Parameter id: the column that decides between items of the same instant; by default the member `id`.
    init(
        _ name: String, of items: Resource, filters: [Filter] = [], sortableBy orders: [String] = [], id: SQL? = nil,
        partitions: @escaping @Sendable (FormFields, _ userID: String) -> [Partition] = { _, _ in [] }
    ) {
        self.name = name
        self.items = items
        self.filters = filters
        self.orders = orders.map { items[$0] }
        created = items["created_at"].expression
        self.id = id ?? items["id"].expression
        self.partitions = partitions
    }

    /// The query parameters.
    var parameters: [Parameter] {
        let names = ["created_at"] + orders.map(\.name)
        let sort = JSONSchema.string(
            enum: names + names.map { "-\($0)" }, names: (names + names.map { "\($0)_desc" }).map { $0.uppercased() })
        let field = JSONSchema.string(enum: items.members.map(\.name))
        return [
            Parameter("limit", .integer(1...100), "Maximum number of items. Default: 20"),
            .cursor,
            Parameter(
                "sort", sort.named(after: items.schema, "Sort"),
                "The field to sort by, ascending; with `-` in front, descending. Default: -created_at"),
            Parameter(
                "fields", .array(of: field.named(after: items.schema, "Field"), count: 1...items.members.count),
                "The fields that each item has, separated by commas or each as a `fields` of its own. Default: all"),
        ]
            + filters.map {
                Parameter($0.name, $0.schema, $0.summary)
            }
    }

    /// The schema of a page, named after its items: `PostPage` of `PostItem`. No member of an item is required, because
    /// the caller selects the fields.
    var schema: JSONSchema {
        let selected = items.schema.partial.described("An item of a list: it has the fields that `fields` selects")
        return .page(of: selected.named(after: items.schema, "Item"), named: items.schema)
    }
}

extension Parameter {
    static let cursor = Parameter(
        "cursor", .string(maxLength: Request.maximumQueryValueLength), "`next_cursor` of the previous page")
}

extension JSONSchema {
    /// The schema of a list without pages, with all fields of its items.
    static func list(of item: JSONSchema) -> JSONSchema { page(of: item, named: item) }

    fileprivate static func page(of item: JSONSchema, named whole: JSONSchema) -> JSONSchema {
        let page = JSONSchema.object(required: [
            "items": .array(of: item),
            "next_cursor": JSONSchema.string(maxLength: Request.maximumQueryValueLength).nullable.described(
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
