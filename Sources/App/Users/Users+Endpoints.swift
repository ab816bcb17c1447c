import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let users: [Endpoint] = [listUsers, addUser, user, changeUser, deleteUser]

    private static let filters: [ListQuery.Filter] = [
        .text("role", "u.role", among: Account.Role.allCases.map(\.rawValue)),
        .boolean("disabled", "(u.disabled_at IS NOT NULL)"),
    ]

    private static let listUsers = Endpoint(
        .get, "/api/users", access: .admin, summary: "All users",
        query: ListQuery.parameters(filters, schema: User.schema),
        answers: [Answer(.ok, "A page of users", ListQuery.schema(of: User.schema))]
    ) { context in
        let list = try ListQuery(context, list: "users", filters: filters, schema: User.schema)
        return list.page(try User.list(list, on: context.connection))
    }

    private static let addUser = Endpoint(
        .post, "/api/users", access: .admin, summary: "Make an account for somebody, an admin too",
        body: .json(
            .object(
                required: ["password": Registration.password],
                optional: [
                    "email": Registration.email, "username": Registration.username, "name": Registration.name,
                    "age": .integer(0...150), "role": Account.assignableRole,
                ]
            ).named("UserDraft")),
        idempotency: .wholeCall,
        answers: [Answer(.created, "The user", User.schema), Answer(.conflict, "The name is taken", Problem.schema)]
    ) { context in
        let role = (context.input["role"]?.stringValue).flatMap(Account.Role.init) ?? .client
        guard let account = try makeAccount(Registration(context.input), role: role, context),
            let user = try User.find(account.id, on: context.connection)
        else { throw Problem.nameTaken }
        return .created(user.json, at: "/api/users/\(account.id)")
    }

    private static let user = Endpoint(
        .get, "/api/users/{id}", access: .admin, summary: "One user", answers: [Answer(.ok, "The user", User.schema)]
    ) { context in
        guard let user = try User.find(try context.id(), on: context.connection) else { throw Problem.notFound }
        return .json(user.json)
    }

    private static let changeUser = Endpoint(
        .patch, "/api/users/{id}", access: .admin, summary: "Change a user's role or name, disable or enable it",
        body: .json(
            .object(
                optional: [
                    "name": Registration.name.nullable, "role": Account.assignableRole, "disabled": .boolean,
                ]
            ).named("UserChange")),
        answers: [
            Answer(.ok, "The user", User.schema),
            Answer(.conflict, "The last admin must stay one, a guest must get an account first", Problem.schema),
        ]
    ) { context in
        let isDemotion = context.input["role"] == "client" || context.input["disabled"] == true
        return try changeUser(context, removesAdmin: isDemotion) { user, connection in
            guard user.account.role != .guest || context.input["role"] == nil else {
                throw Problem(.conflict, "guest", "A guest has to get an account before it gets a role")
            }
            return .json(try user.update(context.input, context.audit, on: connection).json)
        }
    }

    private static let deleteUser = Endpoint(
        .delete, "/api/users/{id}", access: .admin, summary: "Delete a user; what it made stays on the record",
        answers: [Answer(.noContent, "Deleted"), lastAdmin]
    ) { context in
        try changeUser(context, removesAdmin: true) { user, connection in
            try user.delete(context.audit, on: connection)
            return .noContent
        }
    }

    private static let lastAdmin = Answer(.conflict, "The last admin must stay one", Problem.schema)

    private static func changeUser(
        _ context: Context, removesAdmin: Bool, _ change: (User, Connection) throws -> Response
    ) throws -> Response {
        let id = try context.id()
        return try context.connection.transaction { connection in
            // The admins first, always in one order, so that two such calls cannot wait for each other.
            let isLastAdmin = try removesAdmin && User.isLastAdmin(id, on: connection)
            guard let user = try User.find(id, locked: true, on: connection) else { throw Problem.notFound }
            if isLastAdmin { throw Problem(.conflict, "last_admin", "The last admin must stay one") }
            return try change(user, connection)
        }
    }
}
