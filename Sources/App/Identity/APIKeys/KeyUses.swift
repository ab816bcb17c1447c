import Synchronization

/// A cache of the uses of API keys that are in the audit log, so that only the first call with a key on a day writes to
/// the log.
final class KeyUses: Sendable {
    struct Use: Hashable {
        let key: String
        let network: String?
        /// The start of the day, in seconds since 1970.
        let day: Int64?
    }

    /// The maximum number of cached uses. An evicted use is recorded again, and the log's unique index ignores it.
    private static let maximum = 10_000

    private let known = Mutex<Set<Use>>([])

    /// Calls `record` unless the use is known, and then adds the use.
    func noting(_ use: Use, _ record: () throws -> Void) rethrows {
        // Without the lock: two concurrent calls may both record the use, and the log stores one.
        if known.withLock({ $0.contains(use) }) { return }
        try record()
        known.withLock { known in
            if known.count >= KeyUses.maximum { known = [] }
            known.insert(use)
        }
    }
}

extension AuditTrail {
    /// Sets the caller as the actor, and records the use of an API key.
    func note(_ principal: Principal, uses: KeyUses, at now: Int64) throws {
        actor = principal.id
        guard case .key(let id, _) = principal.proof else { return }
        let event = AuditEvent.keyUsed(id, at: now)
        try uses.noting(KeyUses.Use(key: id, network: network, day: event.period)) { try record(event) }
    }
}
