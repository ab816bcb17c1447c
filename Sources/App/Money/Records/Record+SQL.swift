import JSON
import Postgres

extension Record {
    private init(_ row: Row) throws {
        var columns = row.columns
        let json = try Record.resource.json(&columns)
        self.init(userID: try columns.next(), json: json)
    }

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
