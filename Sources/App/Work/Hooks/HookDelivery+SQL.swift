import Crypto
import Flows
import Postgres

extension HookDelivery {
    /// The statement that records a call, and removes the oldest ones beyond the maximum.
    static func recording(
        _ outcome: String, of hook: Hook, _ deliveryID: String?, run executionID: String? = nil, isTest: Bool = false
    ) -> SQL {
        """
        WITH recorded AS (
            INSERT INTO hook_deliveries (id, hook_id, user_id, delivery_id, outcome, execution_id, is_test)
            SELECT \(UUIDv7.make())::uuid, h.id, h.user_id, \(optional: deliveryID)::text, \(outcome)::text,
                \(optional: executionID)::uuid, \(isTest)::boolean
            FROM hooks h WHERE h.id = \(hook.id))
        DELETE FROM hook_deliveries
        WHERE hook_id = \(hook.id) AND (created_at, id) <= (
            SELECT d.created_at, d.id FROM hook_deliveries d WHERE d.hook_id = \(hook.id)
            ORDER BY d.created_at DESC, d.id DESC OFFSET \(Hook.keptDeliveries - 1) LIMIT 1)
        """
    }

    /// Records a call that starts no run. The commit does not wait for the disk.
    static func record(
        _ outcome: String, of hook: Hook, _ deliveryID: String?, run executionID: String? = nil, isTest: Bool,
        on connection: Connection
    ) throws {
        _ = try connection.together([
            AuditLog.asynchronousCommit,
            recording(outcome, of: hook, deliveryID, run: executionID, isTest: isTest),
        ])
    }
}

/// The claim of a delivery for a run: a sender repeats a call until it is answered, and the run is started once.
enum HookClaim {
    /// What a claim counts toward the storage of its user besides the id of the delivery.
    private static let rowBytes = 128

    /// The run that the delivery has started; nil if it has started none.
    static func run(of deliveryID: String, _ hook: Hook, on connection: Connection) throws -> String? {
        try connection.query(
            "SELECT execution_id FROM hook_claims WHERE hook_id = \(hook.id) AND delivery_id = \(deliveryID)"
        ).first?.decode(String.self)
    }

    /// Claims the delivery for a run, in the open transaction; false if it is claimed. Waits for another call that is
    /// claiming it.
    static func claim(
        _ deliveryID: String, of hook: Hook, for executionID: String, on connection: Connection
    ) throws -> Bool {
        let bytes = rowBytes + deliveryID.utf8.count
        return try connection.execute(
            """
            WITH claimed AS (
                INSERT INTO hook_claims (hook_id, delivery_id, user_id, execution_id, bytes)
                VALUES (\(hook.id), \(deliveryID), \(hook.userID), \(executionID), \(bytes))
                ON CONFLICT (hook_id, delivery_id) DO NOTHING
                RETURNING user_id, bytes)
            \(StorageQuota.countingSmall(from: "claimed"))
            """) == 1
    }
}
