import Synchronization

/// The uses of API keys that this process knows to be on record, so that calls with a key write nothing but the first
/// time a day.
final class KeyUses: Sendable {
    struct Use: Hashable {
        let key: String
        let network: String?
        /// The beginning of the day.
        let day: Int64?
    }

    /// How many are remembered. Forgotten ones are recorded again, which the log's index ignores.
    private static let most = 10_000

    private let known = Mutex<Set<Use>>([])

    /// Calls `record` unless that use is known, and then knows it.
    func noting(_ use: Use, _ record: () throws -> Void) rethrows {
        // Not under the lock: of two at once both record, and the log keeps one.
        if known.withLock({ $0.contains(use) }) { return }
        try record()
        known.withLock { known in
            if known.count >= KeyUses.most { known = [] }
            known.insert(use)
        }
    }
}

extension AuditTrail {
    /// Takes down who calls, and with a key that it is used.
    func note(_ principal: Principal, uses: KeyUses, at now: Int64) throws {
        actor = principal.id
        guard case .key(let id, _) = principal.credential else { return }
        let event = AuditEvent.keyUsed(id, at: now)
        try uses.noting(KeyUses.Use(key: id, network: network, day: event.period)) { try record(event) }
    }
}
