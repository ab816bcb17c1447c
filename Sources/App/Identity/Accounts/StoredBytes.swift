import Flows
import JSON
import Postgres

/// How many bytes a user keeps, and how many the user may keep.
struct StoredBytes {
    let bytes: Int64
    /// Nil: no limit.
    let limit: Int64?

    init(_ bytes: Int64, of role: Role, _ quota: StorageQuota) {
        self.bytes = bytes
        limit = role == .guest ? quota.guest : quota.user
    }

    static let schema = JSONSchema.object(required: [
        "bytes": JSONSchema.integer.described(
            "What the account keeps: documents, posts, workflows, runs and stored answers, with an amount for each"),
        "limit": JSONSchema.integer.nullable.described("What it may keep; null: no limit"),
    ]).named("Storage")

    func write(to object: inout (some JSONMembers & ~Copyable)) {
        object.member("bytes", bytes)
        object.member("limit", JSON(limit))
    }

    /// A query for the bytes of the user with that id.
    static func sum(_ userID: SQL) -> SQL {
        "SELECT coalesce(sum(s.bytes), 0)::bigint FROM storage s WHERE s.user_id = \(userID)"
    }

    static func find(of userID: String, on connection: Connection) throws -> Int64 {
        try connection.query(sum("\(userID)")).only.decode(Int64.self)
    }
}
