import HTTP
import JSON
package import Postgres

/// The stored audit log: sealed row by row into one hash chain, and readable by admins.
package enum AuditLog {
    /// Seals at most 100 committed rows that are not sealed yet, and returns their number. Returns 0 while another
    /// connection seals; that one may miss the newest rows, which the next call then seals.
    ///
    /// A request that wrote an event calls this after its commit and before its answer; other requests do not. It costs
    /// one round trip, in calls that hash a password or are rare. It waits for neither a lock nor the disk. If a crash
    /// loses a seal, the next call creates it again. Reading or verifying the log seals first, so no row stays
    /// unsealed.
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

    /// A page of the entries.
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
