import HTTP
import JSON
package import Postgres

/// The audit log as it is kept: sealed row by row into one chain, and read by admins.
package enum AuditLog {
    /// Seals what has been committed and not sealed yet, at most 100 rows; how many it were. None while another does
    /// it, who may have begun too early to see them: then the next one will.
    ///
    /// A request that has written an event calls this after its commit and before its answer, others never: that is one
    /// round trip more for calls that hash a password or are rare. It waits for neither a lock nor the disk. A seal that
    /// a crash loses is made again, by whoever comes next; and as whoever reads or verifies the log seals first, none
    /// is missed for ever.
    @discardableResult
    package static func seal(on connection: Connection) throws -> Int {
        let results = try connection.pipeline([asynchronousCommit, "SELECT seal_audit_log()"])
        return try results[1].only.decode(Int.self)
    }

    /// Lets the transaction commit without waiting for the disk.
    static let asynchronousCommit: SQL = "SELECT set_config('synchronous_commit', 'off', true)"

    static let action = JSONSchema.string(enum: AuditEvent.Action.allCases.map(\.rawValue)).named("AuditAction")

    private static let origin = JSONSchema.string(enum: AuditEvent.Origin.allCases.map(\.rawValue)).named("AuditOrigin")

    static let schema = JSONSchema.object(required: [
        "id": .string(format: .uuid), "created_at": .string(format: .dateTime), "action": action, "origin": origin,
        "actor": JSONSchema.string(format: .uuid).nullable.described("The user who did it, where that is known"),
        "subject": JSONSchema.string(format: .uuid).nullable.described("The user, key or record it was done to"),
        "address": JSONSchema.string.nullable
            .described("The caller's address; its network for events that are logged at most once an hour or a day"),
        "detail": .any,
        "position": JSONSchema.integer.nullable.described("Position in the hash chain; null until it is sealed"),
        "seal": JSONSchema.string.nullable.described("SHA-256 of the previous seal and this entry, in hexadecimal"),
    ]).named("AuditEntry")

    /// The entries, a page at a time.
    static func list(
        _ list: ListQuery, on connection: Connection
    ) throws -> [(position: ListQuery.Position, json: JSON)] {
        try connection.query(
            """
            SELECT id, rfc3339(created_at), action, origin, actor, subject, address, detail, position,
                encode(seal, 'hex'), \(ListQuery.position(created: "created_at"))
            FROM audit_log WHERE true \(list.clauses(created: "created_at", id: "id"))
            """
        ).map { row in
            let (id, createdAt, action, origin, actor, subject, address, detail, position, seal, created) =
                try row.decode(
                    String.self, String.self, String.self, String.self, String?.self, String?.self, String?.self,
                    JSON.self, Int64?.self, String?.self, Int64.self)
            let json: JSON = [
                "id": .string(id), "created_at": .string(createdAt), "action": .string(action),
                "origin": .string(origin), "actor": JSON(actor), "subject": JSON(subject), "address": JSON(address),
                "detail": detail, "position": JSON(position), "seal": JSON(seal),
            ]
            return (ListQuery.Position(createdAtMicroseconds: created, id: id), json)
        }
    }
}
