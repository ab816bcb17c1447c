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

    static let entry = Resource(
        "AuditEntry", .id("id"), .time("created_at"), .text("action", action), .text("origin", origin),
        .id("actor").nullable.described("The user who did it, where that is known"),
        .id("subject").nullable.described("The user, key, workflow, hook, record or run it was done to"),
        .text("address", Network.schema).nullable.described(
            "The caller's address; its network for events that are logged at most once an hour or a day"),
        .json("detail"),
        .integer("position").nullable.described("Position in the hash chain; null until it is sealed"),
        .text("seal", .string(maxLength: 64), sql: "encode(seal, 'hex')").nullable.described(
            "SHA-256 of the previous seal and this entry, in hexadecimal"))
}
