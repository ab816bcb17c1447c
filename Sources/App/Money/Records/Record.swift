import HTTP
import JSON
import Postgres

/// The record of an operation that a user ran.
struct Record {
    let userID: String
    let json: JSON
    let position: ListQuery.Position

    static let schema = JSONSchema.object(required: [
        "id": .string(format: .uuid), "operation": Operation.typeSchema, "arguments": .array(of: .number),
        "amount": JSONSchema.integer.described("The credits that it cost"),
        "user_balance": JSONSchema.integer.described("The user's available credits after it"),
        "result": JSONSchema.any.described("A number, or the text of `random_string`"),
        "user_id": .string(format: .uuid), "execution_id": .string(format: .uuid),
        "created_at": .string(format: .dateTime),
    ]).named("Record")

    private static func columns(_ position: SQL) -> SQL {
        """
        id, operation, arguments, amount, user_balance, result, user_id, execution_id, rfc3339(created_at), \(position)
        """
    }

    private init(_ row: Row) throws {
        let (id, operation, arguments, amount, balance, result, userID, executionID, createdAt, place) = try row.decode(
            String.self, String.self, JSON.self, Int64.self, Int64.self, JSON.self, String.self, String.self,
            String.self, Int64.self)
        self.userID = userID
        json = [
            "id": .string(id), "operation": .string(operation), "arguments": arguments, "amount": .integer(amount),
            "user_balance": .integer(balance), "result": result, "user_id": .string(userID),
            "execution_id": .string(executionID), "created_at": .string(createdAt),
        ]
        position = ListQuery.Position(value: place, id: id)
    }

    func mayBeRead(by principal: Principal) -> Bool { userID == principal.id || principal.isAdmin }

    /// The record, unless it was deleted.
    static func find(_ id: String, on connection: Connection) throws -> Record? {
        try connection.query(
            """
            SELECT \(columns(ListQuery.position(created: "created_at"))) FROM records
            WHERE id = \(id) AND deleted_at IS NULL
            """
        ).first.map(Record.init)
    }

    /// A page of the records that the principal may read.
    static func list(
        _ list: ListQuery, for principal: Principal, on connection: Connection
    ) throws -> [(position: ListQuery.Position, json: JSON)] {
        let own: SQL = principal.isAdmin ? "" : "AND user_id = \(principal.id)"
        return try connection.query(
            """
            SELECT \(columns(list.position(created: "created_at"))) FROM records
            WHERE deleted_at IS NULL \(own) \(list.clauses(created: "created_at", id: "id"))
            """
        ).map { row in
            let record = try Record(row)
            return (record.position, record.json)
        }
    }

    /// Marks the record as deleted; the row stays in the table. False when there is no record with the id.
    static func delete(_ id: String, _ audit: AuditTrail, on connection: Connection) throws -> Bool {
        try connection.transaction { connection in
            let isDeleted =
                try connection.execute(
                    "UPDATE records SET deleted_at = now() WHERE id = \(id) AND deleted_at IS NULL") == 1
            if isDeleted { try audit.record(.recordDeleted(id)) }
            return isDeleted
        }
    }
}
