import Crypto
import Postgres

/// A column of values that `KeyRing` has sealed.
struct SealedColumn: Sendable {
    let name: String
    private let table: SQL
    private let column: SQL
    /// The primary key, and a value that sorts before all of its values.
    private let key: SQL
    let start: String
    /// The associated data with which a value was sealed, by its place: the primary key of its row, if `place` is nil.
    private let associated: @Sendable (String) -> [UInt8]
    /// What the associated data is made of, as a text.
    private let place: SQL

    private init(
        name: String, table: SQL, column: SQL, key: SQL, start: String, place: SQL? = nil,
        associated: @escaping @Sendable (String) -> [UInt8]
    ) {
        self.name = name
        self.table = table
        self.column = column
        self.key = key
        self.start = start
        self.place = place ?? key
        self.associated = associated
    }

    /// All sealed columns.
    static let all = [secondFactors, credentials, hookSecrets, endSecrets, tokenKeys]

    static let secondFactors = SealedColumn(
        name: "second_factors.secret", table: "second_factors", column: "secret", key: "user_id", start: leastID,
        associated: SecondFactor.associated)

    static let credentials = SealedColumn(
        name: "credentials.sealed", table: "credentials", column: "sealed", key: "id", start: leastID,
        place: "user_id || ' ' || id", associated: Credential.associated(_:))

    static let tokenKeys = SealedColumn(
        name: "token_keys.secret", table: "token_keys", column: "secret", key: "id", start: "",
        associated: TokenKey.associated)

    static let hookSecrets = SealedColumn(
        name: "hook_secrets.sealed", table: "hook_secrets", column: "sealed", key: "id", start: leastID,
        place: "user_id || ' ' || hook_id", associated: Hook.associated(_:))

    static let endSecrets = SealedColumn(
        name: "end_secrets.sealed", table: "end_secrets", column: "sealed", key: "id", start: leastID,
        place: "user_id || ' ' || workflow_id", associated: EndTarget.associated(_:))

    private static let leastID = "00000000-0000-0000-0000-000000000000"

    /// The maximum number of rows that one transaction reseals, so that it holds their locks only briefly.
    private static let batch = 500

    /// The number of values under each sealing key, by the key's id.
    func countsByKey(on connection: Connection) throws -> [(id: String, count: Int)] {
        try connection.query("SELECT encode(substr(\(column), 2, 8), 'hex'), count(*) FROM \(table) GROUP BY 1").map {
            let (id, count) = try $0.decode(String.self, Int.self)
            return (id, count)
        }
    }

    /// The sealing keys of the rows that follow `position` in the order of their keys, by ids, at most `limit` rows,
    /// and the key of the last one; nil if no row follows.
    func keyIDs(
        after position: String, limit: Int, on connection: Connection
    ) throws -> (ids: [String: Int], last: String)? {
        var ids: [String: Int] = [:]
        var last: String?
        let rows = try connection.query(
            """
            SELECT id, count(*), max(place) FROM (
                SELECT encode(substr(\(column), 2, 8), 'hex') AS id, \(key)::text COLLATE "C" AS place
                FROM \(table) WHERE \(key) > \(position) AND \(column) IS NOT NULL ORDER BY \(key) LIMIT \(limit)
            ) AS part GROUP BY id
            """)
        for row in rows {
            let (id, count, place) = try row.decode(String.self, Int.self, String.self)
            ids[id] = count
            last = max(last ?? place, place)
        }
        return last.map { (ids, $0) }
    }

    /// Rewraps every value that is not sealed with the current key.
    func reseal(_ keys: KeyRing, on connection: Connection) throws -> (resealed: Int, unopened: Int) {
        var (resealed, unopened) = (0, 0)
        var last: String? = start
        while let position = last {
            try connection.transaction { connection in
                let rows = try connection.query(
                    """
                    SELECT \(key), \(place), \(column) FROM \(table)
                    WHERE \(key) > \(position)
                        AND substr(\(column), 1, \(keys.currentHead.count)) <> \(keys.currentHead)
                    ORDER BY \(key) LIMIT \(Self.batch) FOR UPDATE
                    """
                ).map { try $0.decode(String.self, String.self, [UInt8].self) }
                let updates = rows.compactMap { id, place, sealed -> SQL? in
                    guard let sealed = try? keys.rewrap(sealed, associated: associated(place)) else { return nil }
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
