import HTTP
import JSON

/// A text that a user wrote: everybody signed in reads the published ones, only owner and admins change it.
struct Post {
    let id: String
    let userID: String
    let title: String
    let content: String
    let isPublished: Bool
    let version: Int64
    let createdAt: String
    let updatedAt: String
    /// Its place in a list.
    let position: ListQuery.Position

    static let title = JSONSchema.string(minLength: 1, maxLength: 300)
    static let content = JSONSchema.string(maxLength: 100_000)

    static let schema = JSONSchema.object(required: [
        "id": .string(format: .uuid), "user_id": .string(format: .uuid), "title": title, "content": content,
        "published": .boolean, "created_at": .string(format: .dateTime), "updated_at": .string(format: .dateTime),
    ]).named("Post")

    /// Everything a writer says of a post.
    static let draft = JSONSchema.object(
        required: ["title": title, "content": content], optional: ["published": .boolean]
    ).named("PostDraft")

    /// Only what is to change.
    static let change = JSONSchema.object(
        required: [:], optional: ["title": title, "content": content, "published": .boolean]
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
