import HTTP
import JSON
import Postgres

/// The record of an operation that a user ran.
struct Record {
    let userID: String
    let json: JSON

    static let resource = Resource(
        "Record", .id("id"), .text("operation", Operation.typeSchema), .json("arguments", .array(of: .number)),
        .integer("amount").described("The credits that it cost"),
        .integer("user_balance").described("The user's available credits after it"),
        .json("result").described("A number, or the text of `random_string`"),
        .id("user_id"), .id("execution_id"), .time("created_at"))
    static let schema = resource.schema

    private init(_ row: Row) throws {
        var columns = row.columns
        json = try Record.resource.json(&columns)
        userID = try columns.next()
    }

    func mayBeRead(by principal: Principal) -> Bool { userID == principal.id || principal.isAdmin }

    /// The records that the principal may read.
    static func readable(by principal: Principal) -> SQL {
        let own: SQL = principal.isAdmin ? "" : "AND user_id = \(principal.id)"
        return "records WHERE deleted_at IS NULL \(own)"
    }

    /// The record, unless it was deleted.
    static func find(_ id: String, on connection: Connection) throws -> Record? {
        try connection.query(
            "SELECT \(resource.columns), user_id FROM records WHERE id = \(id) AND deleted_at IS NULL"
        ).first.map(Record.init)
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
