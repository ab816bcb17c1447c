import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let posts: [Endpoint] = [list, create("/posts"), create("/upload"), read, replace, change, remove]

    private static let filters: [ListQuery.Filter] = [.boolean("published", "published"), .id("user_id", "user_id")]

    private static let list = Endpoint(
        .get, "/posts", access: .user, summary: "Published posts and the caller's own",
        query: ListQuery.parameters(filters, schema: Post.schema),
        answers: [Answer(.ok, "A page of posts", ListQuery.schema(of: Post.schema))]
    ) { context in
        let list = try ListQuery(context, list: "posts", filters: filters, schema: Post.schema)
        return list.page(try Post.list(list, for: context.user, on: context.connection))
    }

    /// `/upload` is the older name of the same call.
    private static func create(_ path: String) -> Endpoint {
        Endpoint(
            .post, path, access: .user, summary: "Write a post", body: .json(Post.draft), idempotency: .wholeCall,
            answers: [Answer(.created, "The post", Post.schema)]
        ) { context in
            let post = try Post.insert(context.input, of: context.user.id, on: context.connection)
            return .created(post.json, at: "/posts/\(post.id)", headers: ["ETag": post.tag.description])
        }
    }

    private static let read = Endpoint(
        .get, "/posts/{id}", access: .user, summary: "One post",
        answers: [
            Answer(.ok, "The post", Post.schema), Answer(.notModified, "The version of If-None-Match still stands"),
        ]
    ) { context in
        guard let post = try Post.find(try context.id(), on: context.connection), post.mayBeRead(by: try context.user)
        else { throw Problem.notFound }
        if let known = context.request.headers["if-none-match"], post.tag.matches(ifNoneMatch: known) {
            return Response(status: .notModified, headers: ["ETag": post.tag.description])
        }
        return .json(post.json, headers: ["ETag": post.tag.description])
    }

    private static let replace = Endpoint(
        .put, "/posts/{id}", access: .user, summary: "Write a post anew", body: .json(Post.draft), answers: changed
    ) { context in
        var draft = context.input.objectValue ?? JSONObject()
        draft["published"] = draft["published"] ?? true
        return try update(context, .object(draft))
    }

    private static let change = Endpoint(
        .patch, "/posts/{id}", access: .user, summary: "Change parts of a post", body: .json(Post.change),
        answers: changed
    ) { context in
        try update(context, context.input)
    }

    private static let remove = Endpoint(
        .delete, "/posts/{id}", access: .user, summary: "Delete a post",
        answers: [Answer(.noContent, "Deleted")] + refusals
    ) { context in
        try context.connection.transaction { connection in
            try changeable(context).delete(on: connection)
            return .noContent
        }
    }

    private static let changed = [Answer(.ok, "The post", Post.schema)] + refusals

    private static let refusals = [
        Answer(.forbidden, "Only its owner and admins change a post", Problem.schema),
        Answer(.preconditionFailed, "The post is no longer the version of If-Match", Problem.schema),
    ]

    private static func update(_ context: Context, _ change: JSON) throws -> Response {
        try context.connection.transaction { connection in
            let post = try changeable(context).update(change, on: connection)
            return .json(post.json, headers: ["ETag": post.tag.description])
        }
    }

    /// The post of the path, locked, if the caller may change it and it is the version that the caller knows.
    private static func changeable(_ context: Context) throws -> Post {
        let user = try context.user
        guard let post = try Post.find(try context.id(), locked: true, on: context.connection), post.mayBeRead(by: user)
        else { throw Problem.notFound }
        guard post.mayBeChanged(by: user) else { throw Problem.forbidden }
        if let expected = context.request.headers["if-match"], !post.tag.matches(ifMatch: expected) {
            throw Problem(.preconditionFailed, "version_mismatch", "The post has changed since")
        }
        return post
    }
}
