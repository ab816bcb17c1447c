import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let users: [Endpoint] = [addUser, listUsers, user, changeUser, deleteUser]

    private static let listUsers = page(
        of: PagedList(
            "users", of: User.resource,
            filters: [
                .text("role", fitting: Account.role, sql: "u.role"),
                .boolean("disabled", sql: "(u.disabled_at IS NOT NULL)"),
            ]),
        at: "/api/users", operation: "listUsers", tag: .users, access: .admin, summary: "List all users",
        description: "Deleted users are left out.", answer: "A page of users"
    ) { _ in
        User.source
    }

    private static let addUser = Endpoint(
        .post, "/api/users", operation: "createUserAsAdmin", tag: .users, access: .admin,
        summary: "Create an account for a user or an admin",
        description: "Needs an e-mail, a username or both. Default of `role`: `client`.",
        body: .json(
            .object(
                required: ["password": Registration.password],
                optional: [
                    "email": Registration.email, "username": Registration.username, "name": Registration.name,
                    "age": Registration.age, "role": Account.assignableRole,
                ]
            ).named("UserDraft"), rules: Registration.violations(in:)),
        idempotency: .wholeCall, answers: [Answer(.created, "The user", User.schema)], problems: [.alreadyRegistered],
        examples: [
            Example(
                "Create an admin",
                body: ["email": "admin.{{email}}", "password": "{{password}}", "role": "admin"],
                stores: ["new_user_id": "/id"])
        ]
    ) { context in
        let role = (context.input["role"]?.stringValue).flatMap(Role.init) ?? .client
        guard let account = try makeAccount(Registration(context.input), role: role, isByAdmin: true, context),
            let user = try User.find(account.id, on: context.connection)
        else { throw Problem.nameTaken }
        return .created(user.json, at: "/api/users/\(account.id)")
    }

    private static let user = Endpoint(
        .get, "/api/users/{id}", operation: "getUser", tag: .users, access: .admin, summary: "Read a user",
        answers: [Answer(.ok, "The user", User.schema)],
        examples: [Example("Read a user", path: ["id": "{{new_user_id}}"])]
    ) { context in
        guard let user = try User.find(try context.id(), on: context.connection) else { throw Problem.notFound }
        return .json(user.json)
    }

    private static let changeUser = Endpoint(
        .patch, "/api/users/{id}", operation: "updateUser", tag: .users, access: .admin,
        summary: "Change a user's name or role, confirm the e-mail, disable or enable the user",
        description: """
            Disabling a user ends all sessions, API keys and active runs of the user for good: enabling the user does \
            not bring them back. `email_confirmed: true` needs the `email` that you have read, and is refused with 422 \
            if the user has another one by now.
            """,
        body: .json(User.change.schema, rules: User.violations(inChange:)),
        answers: [Answer(.ok, "The user", User.schema)], problems: [.guest, .lastAdmin],
        examples: [
            Example("Make an admin a client", path: ["id": "{{new_user_id}}"], body: ["role": "client"])
        ]
    ) { context in
        let isDemotion = context.input["role"] == "client" || context.input["disabled"] == true
        return try User.changing(context.id(), removesAdmin: isDemotion, context) { user in
            try User.change.check(context.input, against: user.json)
            if let role = context.input["role"], role != .string(user.account.role.rawValue) {
                guard user.account.role != .guest else { throw Problem(.guest) }
                let violations = Account.assignableRole.violations(in: role)
                guard violations.isEmpty else {
                    throw Problem.invalid(violations.map { Violation(pointer: "/role", message: $0.message) })
                }
            }
            return .json(try user.update(context.input, context.audit, on: context.connection).json)
        }
    }

    private static let deleteUser = Endpoint(
        .delete, "/api/users/{id}", operation: "deleteUser", tag: .users, access: .admin, summary: "Delete a user",
        description: """
            Ends all sessions, API keys and runs of the user. Everything that the user has is removed soon; the ledger \
            and the audit log stay. The e-mail and the username may be registered again.
            """,
        answers: [Answer(.noContent, "The user is deleted")], problems: [.lastAdmin],
        examples: [Example("Delete a user", path: ["id": "{{new_user_id}}"])]
    ) { context in
        try User.changing(context.id(), removesAdmin: true, context) { user in
            try user.delete(context.audit, on: context.connection)
            return .noContent
        }
    }
}
