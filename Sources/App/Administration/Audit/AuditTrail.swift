import Crypto
import JSON
import Postgres

/// Writes the audit log for one request or one command: each event into the transaction of what it tells of, so that
/// neither is without the other.
final class AuditTrail {
    /// Where a request comes from; nil for a command.
    private let address: String?
    private let connection: Connection
    /// Who calls, as soon as that is known.
    var actor: String?
    /// Whether something may have been written that nobody has sealed.
    private(set) var awaitsSeal = false

    init(from address: String?, on connection: Connection) {
        self.address = address
        self.connection = connection
    }

    /// Writes the event, in the transaction that is open if there is one.
    func record(_ event: AuditEvent) throws { try connection.execute(entry(event)) }

    /// The statement that writes the event if the condition holds: for a part of another statement.
    func entry(_ event: AuditEvent, if condition: SQL = "true") -> SQL {
        awaitsSeal = true
        return insert(event, if: condition)
    }

    /// Writes the event, or does the same for nothing when it is not real.
    ///
    /// What failed for a user that exists must take no longer than for one that does not. So it neither waits for the
    /// disk, where a crash may lose it, nor for its seal, which it gets with the next event or look at the log.
    func recordFailure(_ event: AuditEvent, isReal: Bool) throws {
        try connection.pipeline([AuditLog.asynchronousCommit, insert(event, if: "\(isReal)")])
    }

    /// What stands for the address where not every event is kept.
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
