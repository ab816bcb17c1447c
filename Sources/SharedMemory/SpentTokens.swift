package import System

/// Single-use tokens that were used, so that no process accepts one again: they are valid for minutes, and issued by
/// the operator only. In shared memory, because they are accepted while the database does not answer.
package struct SpentTokens: Sendable {
    /// In seconds; longer than a token is valid.
    package static let lifetime: UInt64 = 480
    static let capacity = 4_096

    private let ids: RecentIDs

    package init(in memory: SharedMemory) {
        ids = RecentIDs(
            memory: memory, rows: Rows(of: SharedMemory.Layout.spentTokens, length: Self.capacity),
            lifetime: Self.lifetime)
    }

    /// Adds the token. False if it must not be accepted: it was used before, or too many were used lately.
    package func spend(_ id: UInt64, at now: Monotonic = .now) -> Bool { ids.add(id, at: now) == .added }
}
