import Crypto
import JSON
import Postgres

extension Post {
    private static let columns: SQL = """
        id, user_id, title, content, published, version, rfc3339(created_at), rfc3339(updated_at),
        \(ListQuery.position(created: "created_at"))
        """

    private init(_ row: Row) throws {
        let (id, userID, title, content, isPublished, version, createdAt, updatedAt, created) = try row.decode(
            String.self, String.self, String.self, String.self, Bool.self, Int64.self, String.self, String.self,
            Int64.self)
        self.init(
            id: id, userID: userID, title: title, content: content, isPublished: isPublished, version: version,
            createdAt: createdAt, updatedAt: updatedAt,
            position: ListQuery.Position(createdAtMicroseconds: created, id: id))
    }

    /// Stores a draft, which must satisfy its schema.
    static func insert(_ draft: JSON, of userID: String, on connection: Connection) throws -> Post {
        let rows = try connection.query(
            """
            INSERT INTO posts (id, user_id, title, content, published)
            VALUES (\(UUIDv7.make()), \(userID), \(optional: draft["title"]?.stringValue), \(optional: draft["content"]?.stringValue),
                \(draft["published"]?.boolValue ?? true))
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
            SET title = \(change["title"]?.stringValue ?? title), content = \(change["content"]?.stringValue ?? content),
                published = \(change["published"]?.boolValue ?? isPublished), version = version + 1, updated_at = now()
            WHERE id = \(id)
            RETURNING \(Post.columns)
            """)
        return try Post(try rows.only)
    }

    func delete(on connection: Connection) throws {
        _ = try connection.execute("DELETE FROM posts WHERE id = \(id)")
    }

    /// A page of the posts that the principal may read.
    static func list(
        _ list: ListQuery, for principal: Principal, on connection: Connection
    ) throws -> [(position: ListQuery.Position, json: JSON)] {
        try connection.query(
            """
            SELECT \(columns) FROM posts
            WHERE (published OR user_id = \(principal.id) OR \(principal.isAdmin))
            \(list.clauses(created: "created_at", id: "id"))
            """
        ).map { row in
            let post = try Post(row)
            return (post.position, post.json)
        }
    }
}
