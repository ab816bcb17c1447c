import Crypto
import Flows
import HTTP
import JSON
import Postgres

extension Document {
    /// The document, or nil; `locked` locks the row until the transaction ends.
    static func find(
        _ name: String, of userID: String, locked: Bool = false, on connection: Connection
    ) throws -> JSON? {
        let lock: SQL = locked ? "FOR UPDATE" : ""
        return try connection.query("\(selection(name, of: userID)) \(lock)").first.map(resource.json)
    }

    /// The same, to be shown.
    static func text(of name: String, of userID: String, on connection: Connection) throws -> JSONText? {
        try connection.query(selection(name, of: userID)).first.map(resource.text)
    }

    private static func selection(_ name: String, of userID: String) -> SQL {
        "SELECT \(resource.columns) FROM documents WHERE user_id = \(userID) AND name = \(name)"
    }

    /// The length of the value's text in bytes; nil if there is no document with the name.
    static func size(of name: String, of userID: String, on connection: Connection) throws -> Int? {
        try connection.query(
            "SELECT octet_length(value::text) FROM documents WHERE user_id = \(userID) AND name = \(name)"
        ).first?.decode(Int.self)
    }

    /// The statement that stores the value under the name and replaces an earlier one. It fails if the user may not
    /// store it (`StorageRefusal`).
    static func storing(
        _ value: JSON, as name: String, of userID: String, counting quota: StorageQuota
    ) -> SQL {
        let text = JSONText(value)
        let counting: SQL =
            text.bytes.count < StorageQuota.smallChange
            ? StorageQuota.countingSmall(from: "stored")
            : ", \(quota.room(after: growth, of: userID)) \(quota.counting(growth, of: userID))"
        return "WITH \(storing(text, as: name, of: userID)) \(counting)"
    }

    /// Stores the value under the name, and returns the document, to be shown. A small value is counted exactly too.
    static func store(
        _ value: JSON, as name: String, of userID: String, counting quota: StorageQuota, on connection: Connection
    ) throws -> JSONText {
        let rows = try connection.query(
            """
            WITH \(storing(JSONText(value), as: name, of: userID)), \(quota.room(after: growth, of: userID)),
            counted AS (\(quota.counting(growth, of: userID)))
            SELECT \(resource.columns) FROM stored
            """)
        return try resource.text(try rows.only)
    }

    /// The common table expression that stores a value.
    private static func storing(_ text: JSONText, as name: String, of userID: String) -> SQL {
        """
        stored AS (
            INSERT INTO documents AS d (user_id, name, value) VALUES (\(userID), \(name), \(text))
            ON CONFLICT (user_id, name) DO UPDATE
            SET value = excluded.value, updated_at = now(), replaced = stored_bytes(d)
            RETURNING d.*, stored_bytes(d) - d.replaced AS bytes
        )
        """
    }

    /// How many bytes the user keeps more than before.
    private static let growth: SQL = "(SELECT bytes FROM stored)"

    /// Deletes a document; false if there is none with the name.
    static func delete(
        _ name: String, of userID: String, counting quota: StorageQuota, on connection: Connection
    ) throws -> Bool {
        try connection.execute(
            """
            WITH gone AS (
                DELETE FROM documents d WHERE user_id = \(userID) AND name = \(name) RETURNING stored_bytes(d) AS bytes
            )
            \(quota.givingBack("SELECT bytes FROM gone", of: userID))
            """) == 1
    }

    /// A page of the user's documents, by name, without their values.
    ///
    /// - Parameter cursor: the `next_cursor` of the previous page. Throws 400 for any other text.
    static func page(
        of userID: String, limit: Int, after cursor: String?, on connection: Connection
    ) throws -> JSON {
        let scope = JSON.string("documents \(userID)")
        let last = try cursor.map { cursor in
            guard let bytes = Base64URL.decode(cursor.utf8), let parts = try? JSON(parsing: bytes).arrayValue,
                parts.count == 2, parts[0] == scope, let name = parts[1].stringValue
            else { throw Problem(.invalidCursor) }
            return name
        }
        // No name is empty.
        let items = try connection.query(
            """
            SELECT \(summary.columns) FROM documents WHERE user_id = \(userID) AND name > \(last ?? "")
            ORDER BY name LIMIT \(limit + 1)
            """
        ).map(summary.json)
        let page = items.prefix(limit)
        let next = items.count > limit ? page.last?["name"] : nil
        return [
            "items": .array(Array(page)),
            "next_cursor": JSON(next.map { Base64URL.encode(JSON.array([scope, $0]).serialized()) }),
        ]
    }
}
