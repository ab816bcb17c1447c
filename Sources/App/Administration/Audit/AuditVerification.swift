package import Postgres
import System

/// The last row of the audit log's chain as `POSITION:HEX`, its position and seal. The head of an empty log is `0:`.
package struct AuditHead: Equatable, Sendable, CustomStringConvertible {
    package let position: Int64
    package let seal: String

    package var description: String { "\(position):\(seal)" }

    init(position: Int64, seal: String) {
        self.position = position
        self.seal = seal
    }

    /// Nil if the text is not a head.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let position = Int64(plain: parts[0]), position >= 0,
            parts[1].utf8.count == (position == 0 ? 0 : 64), parts[1].allSatisfy({ $0.isASCII && $0.isHexDigit })
        else { return nil }
        self.init(position: position, seal: parts[1].lowercased())
    }
}

/// What is wrong with an audit log.
package enum AuditFlaw: Error, Equatable, CustomStringConvertible {
    /// The first position at which a row is missing, was inserted, or differs from what was sealed.
    case broken(at: Int64)
    /// The chain is intact but does not contain this head: it was cut before the head, or its seals were computed
    /// again.
    case cut(AuditHead)
    case rechained(AuditHead)
    /// The number of rows that are older than a minute and cannot be sealed.
    case unsealed(Int64)

    package var description: String {
        switch self {
        case .broken(let position): "the chain is broken at position \(position)"
        case .cut(let head): "the chain ends before position \(head.position), which it has had"
        case .rechained(let head):
            "position \(head.position) has another seal than it had: the seals were computed again"
        case .unsealed(let count): "\(count) entries older than a minute are not sealed"
        }
    }
}

extension AuditLog {
    /// Seals the remaining rows and checks every row. Throws an `AuditFlaw` for what is wrong.
    ///
    /// An intact chain alone proves little: its digest has no key, so anyone who can write to the table as its owner
    /// can compute all seals again from some row on, or cut off the end, and the chain is intact again. A head that was
    /// stored where such an attacker has no access proves that no row up to that head was changed, removed or inserted
    /// since. Nothing reveals an event that was never written, or that was removed before a head that covers it was
    /// stored.
    ///
    /// - Parameter remembered: the head that an earlier verification returned.
    /// - Returns: the current head, which is on disk.
    package static func verify(against remembered: AuditHead? = nil, on connection: Connection) throws -> AuditHead {
        while try seal(on: connection) > 0 {}
        let row = try connection.query(
            """
            WITH chain AS (
                SELECT a.position, a.seal, row_number() OVER w AS due,
                    audit_seal(a, a.position, coalesce(lag(a.seal) OVER w, '')) AS proper
                FROM audit_log a WHERE a.position IS NOT NULL WINDOW w AS (ORDER BY a.position)
            )
            SELECT coalesce(max(position), 0), coalesce((
                    SELECT encode(seal, 'hex') FROM audit_log
                    WHERE position IS NOT NULL ORDER BY position DESC LIMIT 1), ''),
                min(least(position, due)) FILTER (WHERE position <> due OR seal IS DISTINCT FROM proper),
                (SELECT count(*) FROM audit_log
                 WHERE position IS NULL AND created_at < clock_timestamp() - interval '1 minute'),
                (SELECT encode(seal, 'hex') FROM audit_log WHERE position = \(optional: remembered?.position))
            FROM chain
            """
        ).only
        let (position, seal, broken, unsealed, found) = try row.decode(
            Int64.self, String.self, Int64?.self, Int64.self, String?.self)
        if let broken { throw AuditFlaw.broken(at: broken) }
        if let remembered, remembered.position > 0, found != remembered.seal {
            throw found == nil ? AuditFlaw.cut(remembered) : AuditFlaw.rechained(remembered)
        }
        if unsealed > 0 { throw AuditFlaw.unsealed(unsealed) }
        // The message itself has no use. Its commit waits until all earlier commits are on disk, so that a crash cannot
        // undo the rows up to the returned head.
        try connection.execute("SELECT pg_logical_emit_message(true, 'flow-manager', 'audit head')")
        return AuditHead(position: position, seal: seal)
    }
}
