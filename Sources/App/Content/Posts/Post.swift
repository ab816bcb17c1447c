import HTTP
import JSON

/// A text that a user wrote. Every logged-in user can read published posts; only the owner and admins can change a
/// post.
struct Post {
    let id: String
    let userID: String
    let title: String
    let content: String
    let isPublished: Bool
    let version: Int64
    let createdAt: String
    let updatedAt: String
    /// Its position in a list.
    let position: ListQuery.Position

    static let title = JSONSchema.string(minLength: 1, maxLength: 300)
    static let content = JSONSchema.string(maxLength: 100_000)
    private static let published = JSONSchema.boolean.described(
        "Whether every signed-in user may read it; otherwise its owner and admins")

    static let schema = JSONSchema.object(required: [
        "id": .string(format: .uuid), "user_id": JSONSchema.string(format: .uuid).described("The owner"),
        "title": title, "content": content, "published": published,
        "created_at": .string(format: .dateTime), "updated_at": .string(format: .dateTime),
    ]).named("Post")

    /// A complete post, as the author sends it.
    static let draft = JSONSchema.object(
        required: ["title": title, "content": content],
        optional: [
            "published": JSONSchema.boolean.described(
                "Whether every signed-in user may read it; otherwise its owner and admins. Default: true")
        ]
    ).named("PostDraft")

    /// The fields to change.
    static let change = JSONSchema.object(
        required: [:], optional: ["title": title, "content": content, "published": published]
    ).named("PostChange")

    var json: JSON {
        [
            "id": .string(id), "user_id": .string(userID), "title": .string(title), "content": .string(content),
            "published": .bool(isPublished), "created_at": .string(createdAt), "updated_at": .string(updatedAt),
        ]
    }

    var tag: EntityTag { EntityTag(version: version) }

    func mayBeRead(by principal: Principal) -> Bool { isPublished || mayBeChanged(by: principal) }
    func mayBeChanged(by principal: Principal) -> Bool { userID == principal.id || principal.isAdmin }
}
