import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let posts: [Endpoint] = [create, upload, list, read, replace, change, remove]

    private static let list = page(
        of: PagedList("posts", of: Post.resource, filters: [.boolean("published"), .id("user_id")]),
        at: "/posts", operation: "listPosts", tag: .posts, access: .user,
        summary: "List published posts and your own", answer: "A page of posts"
    ) { context in
        Post.readable(by: try context.user)
    }

    private static let create = create(
        "/posts", operation: "createPost", summary: "Create a post", stores: ["post_id": "/id"])
    private static let upload = create(
        "/upload", operation: "uploadPost", summary: "Create a post, by its older path",
        description: "Does the same as `POST /posts`.")

    private static func create(
        _ path: String, operation: String, summary: String, description: String? = nil,
        stores: KeyValuePairs<String, String> = [:]
    ) -> Endpoint {
        Endpoint(
            .post, path, operation: operation, tag: .posts, access: .user, summary: summary, description: description,
            body: .json(Post.draft), idempotency: .wholeCall,
            answers: [Answer(.created, "The post", Post.schema, headers: [.etag])], problems: [.quotaExceeded],
            examples: [
                Example(
                    summary, body: ["title": "Hello", "content": "The first post.", "published": true], stores: stores)
            ]
        ) { context in
            let post = try Post.insert(
                context.input, of: context.user.id, counting: context.storage, on: context.connection)
            return .created(post.json, at: "/posts/\(post.id)", headers: ["ETag": post.tag.description])
        }
    }

    private static let read = Endpoint(
        .get, "/posts/{id}", operation: "getPost", tag: .posts, access: .user, summary: "Read a post",
        headers: [.ifNoneMatch],
        answers: [
            Answer(.ok, "The post", Post.schema, headers: [.etag]),
            Answer(.notModified, "The version that `If-None-Match` names is current", headers: [.etag]),
        ]
    ) { context in
        guard let post = try Post.find(try context.id(), on: context.connection), post.mayBeRead(by: try context.user)
        else { throw Problem.notFound }
        if let known = context.request.headers.list("if-none-match"), post.tag.matches(ifNoneMatch: known) {
            return Response(status: .notModified, headers: ["ETag": post.tag.description])
        }
        return .json(post.json, headers: ["ETag": post.tag.description])
    }

    private static let replace = Endpoint(
        .put, "/posts/{id}", operation: "replacePost", tag: .posts, access: .user, summary: "Replace a post",
        description: "Its owner and admins may. A post without `published` is published.", headers: [.ifMatch],
        body: .json(Post.replacement.schema), answers: changed,
        problems: [.versionMismatch, .quotaExceeded],
        examples: [Example("Replace a post", body: ["title": "Hello again", "content": "The second text."])]
    ) { context in
        var draft = context.input.objectValue ?? JSONObject()
        draft["published"] = draft["published"] ?? true
        return try update(context, .object(draft), Post.replacement)
    }

    private static let change = Endpoint(
        .patch, "/posts/{id}", operation: "updatePost", tag: .posts, access: .user, summary: "Change parts of a post",
        description: "Its owner and admins may. Fields that the body does not name keep their values.",
        headers: [.ifMatch], body: .json(Post.change.schema), answers: changed,
        problems: [.versionMismatch, .quotaExceeded],
        examples: [Example("Withdraw a post", body: ["published": false])]
    ) { context in
        try update(context, context.input, Post.change)
    }

    private static let remove = Endpoint(
        .delete, "/posts/{id}", operation: "deletePost", tag: .posts, access: .user, summary: "Delete a post",
        description: "Its owner and admins may.", headers: [.ifMatch],
        answers: [Answer(.noContent, "The post is deleted")], problems: [.versionMismatch]
    ) { context in
        try context.connection.transaction { connection in
            try changeable(context).delete(counting: context.storage, on: connection)
            return .noContent
        }
    }

    private static let changed = [Answer(.ok, "The post", Post.schema, headers: [.etag])]

    private static func update(_ context: Context, _ change: JSON, _ form: ResourceChange) throws -> Response {
        try context.connection.transaction { connection in
            let present = try changeable(context)
            try form.check(change, against: present.json)
            let post = try present.update(change, counting: context.storage, on: connection)
            return .json(post.json, headers: ["ETag": post.tag.description])
        }
    }

    /// The post of the path, locked. Throws 403 unless the caller may change it, and 412 unless `If-Match` names its
    /// version.
    private static func changeable(_ context: Context) throws -> Post {
        let user = try context.user
        guard let post = try Post.find(try context.id(), locked: true, on: context.connection), post.mayBeRead(by: user)
        else { throw Problem.notFound }
        guard post.mayBeChanged(by: user) else { throw user.refusalOfOtherUser }
        if let expected = context.request.headers.list("if-match"), !post.tag.matches(ifMatch: expected) {
            throw Problem(.versionMismatch)
        }
        return post
    }
}
