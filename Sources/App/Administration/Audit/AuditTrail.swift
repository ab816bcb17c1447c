import Crypto
import JSON
import Postgres

/// Writes the audit log for one request or one command. Each event is part of the transaction that it describes, so
/// that both are committed or neither is.
final class AuditTrail {
    /// The client's address; nil for a command.
    private let address: String?
    private let connection: Connection
    /// The caller's user id, set when authentication has found it.
    var actor: String?
    /// Whether an event may have been written that is not sealed yet.
    private(set) var awaitsSeal = false

    init(from address: String?, on connection: Connection) {
        self.address = address
        self.connection = connection
    }

    /// Writes the event, in the open transaction if there is one.
    func record(_ event: AuditEvent) throws { try connection.execute(entry(event)) }

    /// The statement that writes the event if the condition holds, for use as part of another statement.
    func entry(_ event: AuditEvent, if condition: SQL = "true") -> SQL {
        awaitsSeal = true
        return insert(event, if: condition)
    }

    /// Writes the event if it is real; otherwise executes a statement of the same cost that writes nothing.
    ///
    /// A failure for an existing user must take as long as one for an unknown user. Therefore this does not wait for
    /// the disk, so a crash may lose the event, and does not seal it: the next event or reader seals it.
    func recordFailure(_ event: AuditEvent, isReal: Bool) throws {
        try connection.pipeline([AuditLog.asynchronousCommit, insert(event, if: "\(isReal)")])
    }

    /// The client's network, which replaces the address in events that are stored once per period.
    var network: String? { address.map { Network(of: $0).prefix } }

    private func insert(_ event: AuditEvent, if condition: SQL) -> SQL {
        let origin = address == nil ? AuditEvent.Origin.command : .request
        let address = event.period == nil ? address : network
        return """
            INSERT INTO audit_log (id, action, origin, actor, subject, address, detail, period)
            SELECT \(UUIDv7.make())::uuid, \(event.action.rawValue)::text, \(origin.rawValue)::text,
                \(optional: event.actor ?? actor)::uuid, \(optional: event.subject)::uuid, \(optional: address)::text,
                \(event.detail)::json, to_timestamp(\(optional: event.period)::bigint)
            WHERE \(condition)
            ON CONFLICT DO NOTHING
            """
    }
}
