import Crypto
import Flows
import JSON
import Postgres

extension Post {
    private static let columns: SQL = "\(resource.columns), id, user_id, published, version"

    private init(_ row: Row) throws {
        var columns = row.columns
        json = try Post.resource.json(&columns)
        id = try columns.next()
        userID = try columns.next()
        isPublished = try columns.next()
        version = try columns.next()
    }

    /// The posts that the principal may read.
    static func readable(by principal: Principal) -> SQL {
        "posts WHERE (published OR user_id = \(principal.id) OR \(principal.isAdmin))"
    }

    /// Stores a draft, which must satisfy its schema.
    static func insert(
        _ draft: JSON, of userID: String, counting quota: StorageQuota, on connection: Connection
    ) throws -> Post {
        let rows = try connection.query(
            """
            WITH made AS (
                INSERT INTO posts AS p (id, user_id, title, content, published)
                VALUES (\(UUIDv7.make()), \(userID), \(optional: draft["title"]?.stringValue),
                    \(optional: draft["content"]?.stringValue), \(draft["published"]?.boolValue ?? true))
                RETURNING p.*, stored_bytes(p) AS bytes
            ), counted AS (\(quota.counting("(SELECT bytes FROM made)", of: userID)))
            SELECT \(columns) FROM made
            """)
        return try Post(try rows.only)
    }

    /// The post, or nil; `locked` locks the row until the transaction ends.
    static func find(_ id: String, locked: Bool = false, on connection: Connection) throws -> Post? {
        let lock: SQL = locked ? "FOR UPDATE" : ""
        return try connection.query("SELECT \(columns) FROM posts WHERE id = \(id) \(lock)").first.map(Post.init)
    }

    /// Updates the members that `change` contains. The post must have been read with `locked`.
    func update(_ change: JSON, counting quota: StorageQuota, on connection: Connection) throws -> Post {
        let growth: SQL = "(SELECT m.bytes - f.bytes FROM made m, former f)"
        let rows = try connection.query(
            """
            WITH former AS (SELECT stored_bytes(p) AS bytes FROM posts p WHERE id = \(id)),
            made AS (
                UPDATE posts AS p
                SET title = coalesce(\(optional: change["title"]?.stringValue), title),
                    content = coalesce(\(optional: change["content"]?.stringValue), content),
                    published = \(change["published"]?.boolValue ?? isPublished), version = version + 1,
                    updated_at = now()
                WHERE id = \(id)
                RETURNING p.*, stored_bytes(p) AS bytes
            ), counted AS (\(quota.counting(growth, of: userID))), \(quota.room(after: growth, of: userID))
            SELECT \(Post.columns) FROM made
            """)
        return try Post(try rows.only)
    }

    func delete(counting quota: StorageQuota, on connection: Connection) throws {
        try connection.execute(
            """
            WITH gone AS (DELETE FROM posts p WHERE id = \(id) RETURNING stored_bytes(p) AS bytes)
            \(quota.givingBack("SELECT bytes FROM gone", of: userID))
            """)
    }
}
