import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let records: [Endpoint] = [listRecords, record, deleteRecord]

    private static let filters: [ListQuery.Filter] = [
        .text("operation", "operation", fitting: Operation.typeSchema), .id("user_id", "user_id"),
        .id("execution_id", "execution_id"),
    ]
    private static let orders: [ListQuery.Order] = [
        ListQuery.Order(name: "amount", column: "amount"),
        ListQuery.Order(name: "user_balance", column: "user_balance"),
    ]

    private static let listRecords = Endpoint(
        .get, "/api/records", operation: "listRecords", tag: .records, access: .user, summary: "List your records",
        description: "Admins get the records of all users, or those of one user with `user_id`.",
        query: ListQuery.parameters(filters, orders: orders, schema: Record.schema),
        answers: [Answer(.ok, "A page of records", ListQuery.schema(of: Record.schema))]
    ) { context in
        let list = try context.page(of: "records", filters: filters, orders: orders, schema: Record.schema)
        return list.page(try Record.list(list, for: context.user, on: context.connection))
    }

    private static let record = Endpoint(
        .get, "/api/records/{id}", operation: "getRecord", tag: .records, access: .user, summary: "Read a record",
        answers: [Answer(.ok, "The record", Record.schema)]
    ) { context in
        guard let record = try Record.find(try context.id(), on: context.connection),
            record.mayBeRead(by: try context.user)
        else { throw Problem.notFound }
        return .json(record.json)
    }

    private static let deleteRecord = Endpoint(
        .delete, "/api/records/{id}", operation: "deleteRecord", tag: .records, access: .admin,
        summary: "Delete a record", description: "The credits that it cost are not refunded.",
        answers: [Answer(.noContent, "The record is deleted")]
    ) { context in
        guard try Record.delete(try context.id(), context.audit, on: context.connection) else { throw Problem.notFound }
        return .noContent
    }
}
