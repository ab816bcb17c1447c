import HTTP
import Postgres

extension Endpoint<Context> {
    /// An endpoint that answers with a page of a list.
    ///
    /// - Parameter source: the items that the caller may read: what follows `FROM`, up to a condition after `WHERE`.
    static func page(
        of list: PagedList, at path: String, operation: String, tag: Tag, access: Access,
        limitedScope: Scope? = nil, summary: String, parameters: [Parameter] = [], description: String? = nil,
        answer: String, examples: [Example] = [],
        from source: @escaping @Sendable (Context) throws -> SQL
    ) -> Endpoint {
        Endpoint(
            .get, path, operation: operation, tag: tag, access: access, limitedScope: limitedScope, summary: summary,
            description: description, parameters: parameters,
            query: list.parameters, answers: [Answer(.ok, answer, list.schema)], examples: examples
        ) { context in
            let query = try ListQuery(
                context.query, of: list, at: context.parameters, for: context.user.id)
            return try query.page(from: source(context), on: context.connection)
        }
    }
}
