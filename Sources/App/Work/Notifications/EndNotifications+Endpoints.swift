import Crypto
import Flows
import HTTP
import JSON
import Postgres

/// The notifications of the ends of runs, as the owners of their workflows see them.
extension Endpoint<Context> {
    static let endNotifications: [Endpoint] = [listEndNotifications, resendEndNotification, rotateEndSecret]

    private static let resource = Resource(
        "EndNotification", .id("id").described("The id of the delivery: `Webhook-Id`"), .id("execution_id"),
        .text("status", .string(maxLength: 20)).described("The status of the run"),
        .text("state", JSONSchema.string(enum: ["pending", "delivered", "dead", "dropped"]).named("EndState"))
            .described(
                "`dead`: given up after a day; `dropped`: not sent, because too many were pending or `on_end` was "
                    + "removed"),
        .integer("attempts"),
        .time("next_attempt_at", sql: "CASE WHEN lease IS NULL THEN due_at END").nullable.described(
            "Null if it has ended, or an attempt is being made"),
        .integer("last_status").nullable.described("The status of the last answer; null if there was none"),
        .text("last_error", .string(maxLength: 100)).nullable.described(
            "Why the last attempt got no answer, such as `timeout` or `blocked_address`"),
        .text("last_answer", .string(maxLength: 4_096)).nullable.described("The beginning of the last answer"),
        .time("created_at"), .time("ended_at").nullable)

    private static let listEndNotifications = page(
        of: PagedList("notifications of", of: resource), at: "/api/workflows/{id}/deliveries",
        operation: "listEndNotifications", tag: .hooks, access: .user,
        summary: "List the notifications of the ends of a workflow's runs", parameters: [.workflow],
        description: "Those that have ended are kept for 30 days, the last 1,000 of a user.",
        answer: "A page of notifications",
        examples: [
            Example(
                "List the notifications of a workflow", path: ["id": "{{notified_workflow_id}}"],
                stores: ["delivery_id": "/items/0/id"])
        ]
    ) { context in
        let id = try context.workflowID()
        guard try Workflow.mayBeRead(id, by: context.user, on: context.connection) else { throw Problem.notFound }
        return "end_notifications WHERE workflow_id = \(id)"
    }

    private static let delivery = Parameter("delivery", .string(format: .uuid), "The id of the notification")

    private static let resendEndNotification = Endpoint(
        .post, "/api/workflows/{id}/deliveries/{delivery}/resend", operation: "resendEndNotification", tag: .hooks,
        access: .user, summary: "Send a notification again",
        description: """
            With the same id, to the present URL of `on_end`, and with attempts for a day from now on. A pending one is
            sent now, too, unless an attempt is being made.
            """,
        parameters: [.workflow, delivery], idempotency: .wholeCall,
        answers: [Answer(.ok, "The notification", resource.schema)], problems: [.tooManyNotifications, .noEndTarget],
        examples: [
            Example(
                "Send a notification again", path: ["id": "{{notified_workflow_id}}", "delivery": "{{delivery_id}}"])
        ]
    ) { context in
        let (id, delivery, connection) = (try context.workflowID(), context.path("delivery"), context.connection)
        guard try Workflow.mayBeRead(id, by: context.user, on: connection), delivery.isUUID else {
            throw Problem.notFound
        }
        let hasTarget = try !connection.query("SELECT FROM workflows WHERE id = \(id) AND end_url IS NOT NULL").isEmpty
        let isResent = try hasTarget && EndNotifier.resend(delivery, of: id, on: connection)
        let shown = try connection.query(
            """
            SELECT \(resource.columns) FROM end_notifications WHERE id = \(delivery) AND workflow_id = \(id)
            """
        ).first.map { try resource.json($0) }
        guard let shown else { throw Problem.notFound }
        guard hasTarget else { throw Problem(.noEndTarget) }
        guard isResent else { throw Problem(.tooManyNotifications) }
        return .json(shown)
    }

    private static let rotateEndSecret = Endpoint(
        .post, "/api/workflows/{id}/on-end/rotate", operation: "rotateEndSecret", tag: .hooks, access: .account,
        summary: "Replace the secret that signs the notifications of a workflow",
        description: """
            No other answer shows the new one. Until the former one expires, notifications have a signature by each of
            both.
            """,
        parameters: [.workflow],
        body: .optionalJSON(
            JSONSchema.object(optional: [
                "expires_in": JSONSchema.integer(Hook.transition).described(
                    "Seconds for which the former one signs, too. Default: a day")
            ]).named("EndSecretRotation")),
        idempotency: .refused,
        answers: [
            Answer(
                .ok, "The new secret",
                JSONSchema.object(required: ["secret": .string(maxLength: 100)]).named("EndSecret"))
        ], problems: [.noEndTarget],
        examples: [Example("Replace the secret", path: ["id": "{{notified_workflow_id}}"], body: ["expires_in": 3_600])]
    ) { context in
        try context.connection.transaction { connection in
            let found = try Workflow.find(try context.workflowID(), locked: true, on: connection)
            guard let workflow = found, workflow.isOpen(to: try context.user) else { throw Problem.notFound }
            guard workflow.onEnd != nil else { throw Problem(.noEndTarget) }
            let secret = HookScheme.makeSecret()
            let sealed = try context.sealed(secret, forEndsOf: workflow.id, of: workflow.userID)
            let seconds = context.input["expires_in"]?.integerValue ?? Hook.defaultTransition
            try EndSecret.replace(
                by: sealed, of: workflow.id, workflow.userID, after: seconds, on: connection)
            try context.audit.record(.endSecretRotated(workflow.id))
            return .json(["secret": .string(secret)])
        }
    }
}

extension Context {
    /// The secret of a workflow's notifications, as it is stored. Throws 503 if there is no key.
    func sealed(_ secret: String, forEndsOf workflowID: String, of userID: String) throws -> [UInt8] {
        guard let keys = services.sealingKeys else { throw Problem.unavailable() }
        return keys.seal(secret.utf8, associated: EndTarget.associated(workflowID, of: userID))
    }

    /// Stores the consequences of a change of `on_end`, in the open transaction. Returns the workflow's secret if it is
    /// new. Throws 403 if the owner is a guest, and for an API key, which may not have the secret.
    func changeEnds(of workflow: Workflow, from former: EndTarget?) throws -> String? {
        guard former != workflow.onEnd else { return nil }
        guard try user.keyID == nil else {
            throw Problem.forbidden("API keys may not change `on_end`: it needs a login")
        }
        try audit.record(.endTargetChanged(workflow.id))
        guard (former == nil) != (workflow.onEnd == nil) else { return nil }
        guard workflow.onEnd != nil else {
            try connection.pipeline(EndSecret.removal(of: workflow.id))
            return nil
        }
        let role = try connection.query("SELECT role FROM users WHERE id = \(workflow.userID)").only
        guard try role.decode(String.self) != Role.guest.rawValue else {
            throw Problem.forbidden("Guests cannot be notified: `on_end` needs an account")
        }
        let secret = HookScheme.makeSecret()
        try connection.execute(
            EndSecret.insertion(
                try sealed(secret, forEndsOf: workflow.id, of: workflow.userID), of: workflow.id, workflow.userID))
        return secret
    }
}
