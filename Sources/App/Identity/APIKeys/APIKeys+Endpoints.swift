import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let apiKeys: [Endpoint] = [makeKey, listKeys, endKey]

    private static let makeKey = Endpoint(
        .post, "/api/keys", operation: "createAPIKey", tag: .apiKeys, access: .account, summary: "Create an API key",
        description: """
            No other answer shows the `key` again: store it safely. Send it as `Authorization: Bearer fm_…`. It does \
            what both its scopes and its user may do; each call names the scope that it needs. The scope `admin` is \
            only for admins.
            """,
        body: .json(
            .object(
                required: ["name": APIKey.name],
                optional: [
                    "scopes": APIKey.scopes.described("Default: `read`, `run` and `write`"),
                    "expires_in": JSONSchema.integer(APIKey.lifetime).described(
                        "Seconds until the key expires. Default: one year"),
                ]
            ).named("APIKeyDraft")),
        idempotency: .refused, answers: [Answer(.created, "The key", APIKey.made)], problems: [.tooManyKeys],
        examples: [
            Example(
                "Create a key for a nightly job",
                body: ["name": "Nightly import", "scopes": ["read", "run"], "expires_in": 7_776_000],
                stores: ["key_id": "/id"])
        ]
    ) { context in
        let user = try context.user
        let scopes = context.input["scopes"].map(Scope.set) ?? [.read, .run, .write]
        guard user.isAdmin || !scopes.contains(.admin) else {
            throw Problem.invalid("/scopes", "only admins may grant the scope 'admin'")
        }
        let made = try APIKey.make(
            context.input["name"]?.stringValue ?? "", scopes: scopes,
            lifetime: context.input["expires_in"]?.integerValue ?? APIKey.defaultLifetime, for: user.id,
            context.audit, on: context.connection)
        guard let (key, json) = made else { throw Problem(.tooManyKeys) }
        var answer = json.objectValue ?? JSONObject()
        answer["key"] = .string(key)
        return .created(.object(answer), at: "/api/keys")
    }

    private static let listKeys = page(
        of: PagedList("keys", of: APIKey.resource),
        at: "/api/keys", operation: "listAPIKeys", tag: .apiKeys, access: .account, summary: "List your API keys",
        description: "Expired and deleted keys are left out.", answer: "A page of keys"
    ) { context in
        APIKey.active(of: try context.user.id)
    }

    private static let endKey = Endpoint(
        .delete, "/api/keys/{id}", operation: "deleteAPIKey", tag: .apiKeys, access: .account,
        summary: "Delete one of your API keys", description: "Calls with the key are refused from then on.",
        answers: [Answer(.noContent, "The key is deleted")]
    ) { context in
        let id = try context.id()
        return try context.connection.transaction { connection in
            guard try APIKey.end(id, of: context.user.id, on: connection) else { throw Problem.notFound }
            try context.audit.record(.keyEnded(id))
            return .noContent
        }
    }
}
