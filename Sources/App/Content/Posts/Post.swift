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

    /// The members of a new post.
    static let members = JSONSchema.object(
        required: ["title": title, "content": content],
        optional: [
            "published": JSONSchema.boolean.described(
                "Whether every signed-in user may read it; otherwise its owner and admins. Default: true")
        ])
    /// A complete new post, as the author sends it.
    static let draft = members.named("PostDraft")

    /// A complete post that replaces another.
    static let replacement = ResourceChange(
        members.named("PostReplacement"), of: schema, figures: ["updated_at"])

    /// The members of a post that its author may change.
    static let changes: KeyValuePairs<String, JSONSchema> = [
        "title": title, "content": content, "published": published,
    ]

    /// The fields to change.
    static let change = ResourceChange(
        JSONSchema.object(optional: changes).named("PostChange"), of: schema, figures: ["updated_at"])

    var tag: EntityTag { EntityTag(version: version) }

    func mayBeRead(by principal: Principal) -> Bool { isPublished || mayBeChanged(by: principal) }
    /// The same for a run, which acts for its owner and never has admin rights.
    func mayBeRead(byRunOf userID: String) -> Bool { isPublished || self.userID == userID }
    func mayBeChanged(by principal: Principal) -> Bool { userID == principal.id || principal.isAdmin }
}
