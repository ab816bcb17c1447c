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
        return try connection.query(
            "SELECT \(resource.columns) FROM documents WHERE user_id = \(userID) AND name = \(name) \(lock)"
        ).first.map(resource.json)
    }

    /// The length of the value's text in bytes; nil if there is no document with the name.
    static func size(of name: String, of userID: String, on connection: Connection) throws -> Int? {
        try connection.query(
            "SELECT octet_length(value::text) FROM documents WHERE user_id = \(userID) AND name = \(name)"
        ).first?.decode(Int.self)
    }

    /// The statement that stores the value under the name and replaces an earlier one. It fails if the user may not
    /// store it (`StorageRefusal`).
    ///
    /// - Parameter isExact: whether a small value is counted at once, at a higher cost.
    static func storing(
        _ value: JSON, as name: String, of userID: String, counting quota: StorageQuota, isExact: Bool = false
    ) -> SQL {
        let text = JSONText(value)
        let isSmall = !isExact && text.bytes.count < StorageQuota.smallChange
        let change: SQL = "(SELECT bytes FROM stored)"
        let counting: SQL =
            isSmall
            ? quota.countingSmall("bytes", from: "stored", of: userID)
            : ", \(StorageQuota.room(after: change, of: userID)) \(quota.counting(change, of: userID))"
        return """
            WITH stored AS (
                INSERT INTO documents AS d (user_id, name, value) VALUES (\(userID), \(name), \(text))
                ON CONFLICT (user_id, name) DO UPDATE
                SET value = excluded.value, updated_at = now(), replaced = stored_bytes(d)
                RETURNING stored_bytes(d) - d.replaced AS bytes
            )
            \(counting)
            """
    }

    /// Deletes a document; false if there is none with the name.
    static func delete(_ name: String, of userID: String, on connection: Connection) throws -> Bool {
        try connection.execute(
            """
            WITH gone AS (
                DELETE FROM documents d WHERE user_id = \(userID) AND name = \(name) RETURNING stored_bytes(d) AS bytes
            )
            \(StorageQuota.givingBack("SELECT bytes FROM gone", of: userID))
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
