import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let records: [Endpoint] = [listRecords, record, deleteRecord]

    private static let listRecords = page(
        of: PagedList(
            "records", of: Record.resource,
            filters: [
                .text("operation", fitting: Operation.typeSchema), .id("user_id"), .id("execution_id"),
            ], sortableBy: ["amount", "user_balance"]),
        at: "/api/records", operation: "listRecords", tag: .records, access: .user, summary: "List your records",
        description: "Admins get the records of all users, or those of one user with `user_id`.",
        answer: "A page of records"
    ) { context in
        Record.readable(by: try context.user)
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
