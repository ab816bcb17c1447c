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

    /// The statement that stores the value under the name and replaces an earlier one.
    static func storing(_ value: JSON, as name: String, of userID: String) -> SQL {
        """
        INSERT INTO documents (user_id, name, value) VALUES (\(userID), \(name), \(value))
        ON CONFLICT (user_id, name) DO UPDATE SET value = excluded.value, updated_at = now()
        """
    }

    /// The first 1,000 documents of a user, by name, without their values.
    static func list(of userID: String, on connection: Connection) throws -> [JSON] {
        try connection.query(
            "SELECT \(summary.columns) FROM documents WHERE user_id = \(userID) ORDER BY name LIMIT 1000"
        ).map(summary.json)
    }
}
