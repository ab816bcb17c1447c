import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let apiKeys: [Endpoint] = [makeKey, listKeys, endKey]

    private static let makeKey = Endpoint(
        .post, "/api/keys", access: .account, summary: "Make an API key; the answer alone shows it",
        body: .json(
            .object(
                required: ["name": APIKey.name],
                optional: [
                    "scopes": APIKey.scopes.described("read, run and write unless told"),
                    "expires_in": JSONSchema.integer(APIKey.lifetime).described("Seconds; a year unless told"),
                ]
            ).named("APIKeyDraft")),
        idempotency: .refused,
        answers: [
            Answer(.created, "The key", APIKey.made),
            Answer(.conflict, "The caller has as many keys as may be", Problem.schema),
        ]
    ) { context in
        let user = try context.user
        let scopes = context.input["scopes"].map(Scope.set) ?? [.read, .run, .write]
        guard user.isAdmin || !scopes.contains(.admin) else {
            throw Problem.invalid("/scopes", "only admins may give the scope 'admin'")
        }
        let made = try APIKey.make(
            context.input["name"]?.stringValue ?? "", scopes: scopes,
            lifetime: context.input["expires_in"]?.integerValue ?? APIKey.standardLifetime, for: user.id,
            context.audit, on: context.connection)
        guard let (key, json) = made else {
            throw Problem(.conflict, "too_many_keys", "There are \(APIKey.mostKeys) keys already")
        }
        var answer = json.objectValue ?? JSONObject()
        answer["key"] = .string(key)
        return .created(.object(answer), at: "/api/keys")
    }

    private static let listKeys = Endpoint(
        .get, "/api/keys", access: .account, summary: "The caller's API keys",
        query: ListQuery.parameters([], schema: APIKey.schema),
        answers: [Answer(.ok, "A page of keys", ListQuery.schema(of: APIKey.schema))]
    ) { context in
        let list = try ListQuery(context, list: "keys", filters: [], schema: APIKey.schema)
        return list.page(try APIKey.list(list, of: context.user.id, on: context.connection))
    }

    private static let endKey = Endpoint(
        .delete, "/api/keys/{id}", access: .account, summary: "End one of the caller's API keys",
        answers: [Answer(.noContent, "Ended")]
    ) { context in
        let id = try context.id()
        return try context.connection.transaction { connection in
            guard try APIKey.end(id, of: context.user.id, on: connection) else { throw Problem.notFound }
            try context.audit.record(.keyEnded(id))
            return .noContent
        }
    }
}
