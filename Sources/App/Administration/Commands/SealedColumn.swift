import Crypto
import Postgres

/// A column of values that `KeyRing` has sealed.
struct SealedColumn: Sendable {
    let name: String
    private let table: SQL
    private let column: SQL
    /// The primary key, and a value that sorts before all of its values.
    private let key: SQL
    private let start: String
    /// The associated data with which a value was sealed, by the primary key of its row.
    private let associated: @Sendable (String) -> [UInt8]

    /// All sealed columns.
    static let all = [
        SealedColumn(
            name: "second_factors.secret", table: "second_factors", column: "secret", key: "user_id",
            start: "00000000-0000-0000-0000-000000000000", associated: SecondFactor.associated),
        SealedColumn(
            name: "token_keys.secret", table: "token_keys", column: "secret", key: "id", start: "",
            associated: TokenKey.associated),
    ]

    /// The maximum number of rows that one transaction reseals, so that it holds their locks only briefly.
    private static let batch = 500

    /// The number of values under each sealing key, by the key's id.
    func countsByKey(on connection: Connection) throws -> [(id: String, count: Int)] {
        try connection.query("SELECT encode(substr(\(column), 2, 8), 'hex'), count(*) FROM \(table) GROUP BY 1").map {
            let (id, count) = try $0.decode(String.self, Int.self)
            return (id, count)
        }
    }

    /// Rewraps every value that is not sealed with the current key.
    func reseal(_ keys: KeyRing, on connection: Connection) throws -> (resealed: Int, unopened: Int) {
        var (resealed, unopened) = (0, 0)
        var last: String? = start
        while let position = last {
            try connection.transaction { connection in
                let rows = try connection.query(
                    """
                    SELECT \(key), \(column) FROM \(table)
                    WHERE \(key) > \(position) 
                        AND substr(\(column), 1, \(keys.currentHead.count)) <> \(keys.currentHead)
                    ORDER BY \(key) LIMIT \(Self.batch) FOR UPDATE
                    """
                ).map { try $0.decode(String.self, [UInt8].self) }
                let updates = rows.compactMap { id, sealed -> SQL? in
                    guard let sealed = try? keys.rewrap(sealed, associated: associated(id)) else { return nil }
                    return "UPDATE \(table) SET \(column) = \(sealed) WHERE \(key) = \(id)"
                }
                if !updates.isEmpty { try connection.pipeline(updates) }
                resealed += updates.count
                unopened += rows.count - updates.count
                last = rows.last?.0
            }
        }
        return (resealed, unopened)
    }
}
