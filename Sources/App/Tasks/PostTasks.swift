import Flows
import JSON
import Postgres

/// Creates a post of the run's owner, as `POST /posts` does.
struct PostCreation: FlowTask {
    let type = "posts.create"
    let summary = "Creates a post of the user"
    let effect = Effect.transactional
    let input = Post.members
    let output = Post.schema

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        try Post.insert(input, of: context.userID, counting: context.storage, on: context.connection).json
    }
}

/// Changes a post of the run's owner, as `PATCH /posts/{id}` does. A run never has the rights of an admin: it may have
/// been started by an API key without them, or by a schedule.
struct PostUpdate: FlowTask {
    let type = "posts.update"
    let summary = "Changes the given members of one of the user's posts"
    let effect = Effect.transactional
    let input = JSONSchema.object(required: ["id": .string(format: .uuid)], optional: Post.changes)
    let output = Post.schema

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        guard let post = try Post.find(input["id"]?.stringValue ?? "", locked: true, on: context.connection),
            post.mayBeRead(byRunOf: context.userID)
        else { throw TaskFailure(code: "not_found", message: "There is no post with this id") }
        guard post.userID == context.userID else {
            throw TaskFailure(code: "forbidden", message: "Only the owner of a post may change it in a flow")
        }
        return try post.update(input, counting: context.storage, on: context.connection).json
    }
}
