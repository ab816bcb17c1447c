import HTTP
import JSON
import Postgres

/// A text that a user wrote. Every logged-in user can read published posts; only the owner and admins can change a
/// post.
struct Post {
    let id: String
    let userID: String
    let isPublished: Bool
    let version: Int64
    let json: JSON

    static let title = JSONSchema.string(minLength: 1, maxLength: 300)
    static let content = JSONSchema.string(maxLength: 100_000)
    private static let published = JSONSchema.boolean.described(
        "Whether every signed-in user may read it; otherwise its owner and admins")

    static let resource = Resource(
        "Post", .id("id"), .id("user_id").described("The owner"), .text("title", title),
        .text("content", content).large,
        .boolean("published", published), .time("created_at"), .time("updated_at"))
    static let schema = resource.schema

    /// A complete new post, as the author sends it.
    static let draft = content(named: "PostDraft")

    /// A complete post that replaces another.
    static let replacement = ResourceChange(
        content(named: "PostReplacement"), of: schema, figures: ["updated_at"])

    private static func content(named name: String) -> JSONSchema {
        JSONSchema.object(
            required: ["title": title, "content": content],
            optional: [
                "published": JSONSchema.boolean.described(
                    "Whether every signed-in user may read it; otherwise its owner and admins. Default: true")
            ]
        ).named(name)
    }

    /// The fields to change.
    static let change = ResourceChange(
        JSONSchema.object(
            optional: ["title": title, "content": content, "published": published]
        ).named("PostChange"), of: schema, figures: ["updated_at"])

    var tag: EntityTag { EntityTag(version: version) }

    func mayBeRead(by principal: Principal) -> Bool { isPublished || mayBeChanged(by: principal) }
    func mayBeChanged(by principal: Principal) -> Bool { userID == principal.id || principal.isAdmin }
}
