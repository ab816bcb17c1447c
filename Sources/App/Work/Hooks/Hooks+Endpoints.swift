import Crypto
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let hooks: [Endpoint] =
        [createHook, listWorkflowHooks, listHooks, readHook, rotateHook] + hookCalls + [listHookDeliveries, deleteHook]

    private static let createHook = Endpoint(
        .post, "/api/workflows/{id}/hooks", operation: "createHook", tag: .hooks, access: .account,
        summary: "Create a hook, with which another service starts a workflow",
        description: """
            No other answer shows the `url` and the `secret`. Anyone with the URL of a hook without a signature can
            start runs, which belong to the owner of the workflow. API keys and guests cannot create hooks.
            """,
        parameters: [.workflow], body: .optionalJSON(HookDraft.schema), idempotency: .refused,
        answers: [Answer(.created, "The hook", Hook.revealed)], problems: [.tooManyHooks, .ownerInactive],
        examples: [
            Example(
                "Create a hook", body: ["name": "Orders", "headers": ["X-Shop"]],
                stores: ["hook_id": "/id", "hook_token": "/token"]),
            Example(
                "Create a hook for events of Stripe",
                body: ["name": "Payments", "signature": ["scheme": "stripe", "secret": "{{service_token}}"]]),
        ]
    ) { context in
        let (draft, id) = (try HookDraft(context.input), UUIDv7.make())
        let workflowID = try context.workflowID()
        guard try Workflow.mayBeRead(workflowID, by: context.user, on: context.connection),
            let owner = try Workflow.owner(of: workflowID, on: context.connection)
        else { throw Problem.notFound }
        let token = Hook.makeToken()
        let sealed = try draft.secret.map { try context.sealed($0, forHook: id, of: owner) }
        let made = try Hook.insert(
            draft, for: (workflowID, owner), token: token, sealed: sealed, as: id, context.audit,
            on: context.connection)
        guard let made else { throw Problem(.tooManyHooks) }
        return .created(context.revealing(made, token: token, secret: draft.secret), at: "/api/hooks/\(id)")
    }

    private static let list = PagedList(
        "hooks", of: Hook.resource, filters: [.id("workflow_id"), .id("user_id")])

    private static let listWorkflowHooks = page(
        of: PagedList("hooks of", of: Hook.resource), at: "/api/workflows/{id}/hooks",
        operation: "listWorkflowHooks", tag: .hooks, access: .user, summary: "List the hooks of a workflow",
        parameters: [.workflow], answer: "A page of hooks"
    ) { context in
        let id = try context.workflowID()
        guard try Workflow.mayBeRead(id, by: context.user, on: context.connection) else { throw Problem.notFound }
        return "hooks WHERE workflow_id = \(id)"
    }

    private static let listHooks = page(
        of: list, at: "/api/hooks", operation: "listHooks", tag: .hooks, access: .user, summary: "List your hooks",
        description: "Also those of workflows that were deleted. Admins get the hooks of all users.",
        answer: "A page of hooks"
    ) { context in
        Hook.readable(by: try context.user)
    }

    private static let readHook = Endpoint(
        .get, "/api/hooks/{id}", operation: "getHook", tag: .hooks, access: .user, summary: "Read a hook",
        answers: [Answer(.ok, "The hook, without its URL and secret", Hook.resource.schema)]
    ) { context in
        .json(try Hook.shown(context.hook().id, on: context.connection))
    }

    private static let rotateHook = Endpoint(
        .post, "/api/hooks/{id}/rotate", operation: "rotateHook", tag: .hooks, access: .account,
        summary: "Replace the secret or the URL of a hook",
        description: """
            The former one stays valid for `expires_in` seconds, so that the sender can be changed meanwhile. There are
            at most two at a time: one that was replaced before ends at once.
            """,
        body: .optionalJSON(
            JSONSchema.object(optional: [
                "token": JSONSchema.boolean.described(
                    "Whether the URL is replaced, and not the secret. Default: whether the hook has no signature"),
                "secret": HookDraft.secret,
                "expires_in": JSONSchema.integer(Hook.transition).described(
                    "Seconds for which the former one stays valid. Default: a day"),
            ]).named("HookRotation")),
        idempotency: .refused, answers: [Answer(.ok, "The hook", Hook.revealed)],
        examples: [
            Example(
                "Replace the URL at once", body: ["token": true, "expires_in": 0], stores: ["hook_token": "/token"])
        ]
    ) { context in
        let input = context.input
        return try context.connection.transaction { connection in
            let hook = try context.hook(locked: true)
            let seconds = input["expires_in"]?.integerValue ?? Hook.defaultTransition
            let given = input["secret"]?.stringValue
            var (token, secret): (String?, String?)
            if input["token"]?.boolValue ?? (hook.scheme == nil) {
                guard given == nil else { throw Problem.invalid("/secret", "is not possible with a new URL") }
                token = Hook.makeToken()
            } else {
                guard hook.scheme != nil else { throw Problem.invalid("/token", "must be true: there is no secret") }
                if let given, let mistake = HookDraft.mistake(inSecret: given) {
                    throw Problem.invalid("/secret", mistake)
                }
                secret = given ?? HookScheme.makeSecret()
            }
            if let token { try hook.replaceToken(by: token, after: seconds, on: connection) }
            if let secret {
                let sealed = try context.sealed(secret, forHook: hook.id, of: hook.userID)
                try hook.replaceSecret(by: sealed, after: seconds, on: connection)
            }
            try context.audit.record(.hookRotated(hook.id))
            return .json(
                context.revealing(try Hook.shown(hook.id, on: connection), token: token, secret: secret))
        }
    }

    private static let listHookDeliveries = page(
        of: PagedList("deliveries of", of: HookDelivery.resource), at: "/api/hooks/{id}/deliveries",
        operation: "listHookDeliveries", tag: .hooks, access: .user, summary: "List the last calls of a hook",
        description: """
            The last \(Hook.keptDeliveries), with what became of each. Calls beyond the rate limit are not listed.
            """,
        answer: "A page of deliveries"
    ) { context in
        HookDelivery.all(of: try context.hook().id)
    }

    private static let deleteHook = Endpoint(
        .delete, "/api/hooks/{id}", operation: "deleteHook", tag: .hooks, access: .account, summary: "Delete a hook",
        description: "Its URL is unknown from then on. The runs stay on record.",
        answers: [Answer(.noContent, "The hook is deleted")]
    ) { context in
        try context.connection.transaction { connection in
            try context.hook(locked: true).delete(context.audit, on: connection)
            return .noContent
        }
    }
}

extension Context {
    /// The secret, as it is stored. Throws 503 if there is no key.
    fileprivate func sealed(_ secret: String, forHook id: String, of userID: String) throws -> [UInt8] {
        guard let keys = services.sealingKeys else { throw Problem.unavailable() }
        return keys.seal(secret.utf8, associated: Hook.associated(id, of: userID))
    }

    /// The hook with what no later answer shows.
    fileprivate func revealing(_ hook: JSON, token: String?, secret: String?) -> JSON {
        var shown = hook.objectValue ?? JSONObject()
        if let token {
            let site = services.publicURL ?? BaseURL(of: request, services.basePath).description
            shown["url"] = .string("\(site)/hooks/\(token)")
            shown["token"] = .string(token)
        }
        if let secret { shown["secret"] = .string(secret) }
        return .object(shown)
    }
}

extension Hook {
    fileprivate static func makeToken() -> String { tokenPrefix + SecureRandom.token(bytes: randomBytes) }
}
