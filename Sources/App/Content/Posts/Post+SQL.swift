import Crypto
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
    static func insert(_ draft: JSON, of userID: String, on connection: Connection) throws -> Post {
        let rows = try connection.query(
            """
            INSERT INTO posts (id, user_id, title, content, published)
            VALUES (\(UUIDv7.make()), \(userID), \(optional: draft["title"]?.stringValue),
                \(optional: draft["content"]?.stringValue), \(draft["published"]?.boolValue ?? true))
            RETURNING \(columns)
            """)
        return try Post(try rows.only)
    }

    /// The post, or nil; `locked` locks the row until the transaction ends.
    static func find(_ id: String, locked: Bool = false, on connection: Connection) throws -> Post? {
        let lock: SQL = locked ? "FOR UPDATE" : ""
        return try connection.query("SELECT \(columns) FROM posts WHERE id = \(id) \(lock)").first.map(Post.init)
    }

    /// Updates the members that `change` contains.
    func update(_ change: JSON, on connection: Connection) throws -> Post {
        let rows = try connection.query(
            """
            UPDATE posts
            SET title = coalesce(\(optional: change["title"]?.stringValue), title),
                content = coalesce(\(optional: change["content"]?.stringValue), content),
                published = \(change["published"]?.boolValue ?? isPublished), version = version + 1, updated_at = now()
            WHERE id = \(id)
            RETURNING \(Post.columns)
            """)
        return try Post(try rows.only)
    }

    func delete(on connection: Connection) throws {
        _ = try connection.execute("DELETE FROM posts WHERE id = \(id)")
    }
}
