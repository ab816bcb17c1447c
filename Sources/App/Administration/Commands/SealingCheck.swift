package import Crypto
package import Postgres

/// Looks through the sealed values for keys that the settings do not have: what these sealed cannot be opened, which
/// would otherwise show only at its next use.
package struct SealingCheck: Sendable {
    /// How many rows a call reads at most.
    private static let batch = 10_000

    private let known: Set<String>
    private var columns: ArraySlice<SealedColumn> = SealedColumn.all[...]
    private var position: String
    private var counts: [String: Int] = [:]

    /// - Parameter keys: those of the settings; nil: none.
    package init(_ keys: KeyRing?) {
        known = Set(keys?.ids ?? [])
        position = SealedColumn.all.first?.start ?? ""
    }

    /// Looks at some more values. Returns nil while there are others to look at; then the missing keys, ordered by
    /// their ids, and the next call begins again.
    package mutating func lookAtSome(on connection: Connection) throws -> [MissingSealingKey]? {
        if let column = columns.first {
            if let part = try column.keyIDs(after: position, limit: Self.batch, on: connection) {
                for (id, count) in part.ids where !known.contains(id) { counts[id, default: 0] += count }
                position = part.last
            } else {
                columns = columns.dropFirst()
                position = columns.first?.start ?? ""
            }
            return nil
        }
        defer {
            columns = SealedColumn.all[...]
            position = columns.first?.start ?? ""
            counts = [:]
        }
        return counts.map { MissingSealingKey(id: $0.key, count: $0.value) }.sorted { $0.id < $1.id }
    }
}
