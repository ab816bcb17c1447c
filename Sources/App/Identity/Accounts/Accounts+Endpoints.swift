import Crypto
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let accounts: [Endpoint] = [register, createUser, login, me, changeMe]

    private static let register = Endpoint(
        .post, "/register", operation: "register", tag: .accounts, access: .everyone,
        summary: "Create an account with a username or an e-mail",
        description: "A username that looks like an e-mail is taken as the account's e-mail.",
        body: .json(Registration.schema, rules: Registration.violations(in:)), idempotency: .refused,
        rateClass: .register,
        answers: [
            Answer(
                .ok, "The account",
                JSONSchema.object(required: ["message": .string(maxLength: 100), "user": Account.schema]).named(
                    "Registered"), headers: registrationHeaders)
        ],
        problems: [.alreadyRegistered, .rateLimited],
        examples: [
            Example(
                "Create your account", body: ["email": "{{email}}", "password": "{{password}}", "name": "You"],
                stores: ["user_id": "/user/id"])
        ]
    ) { context in
        try signUp(context) { .json(["message": "User registered successfully", "user": $0.json]) }
    }

    private static let createUser = Endpoint(
        .post, "/create_user", operation: "createUser", tag: .accounts, access: .everyone,
        summary: "Create an account with an e-mail",
        body: .json(
            .object(
                required: ["email": Registration.email, "password": Registration.password],
                optional: ["name": Registration.name, "age": Registration.age]
            ).named("NewUser"), rules: Registration.violations(in:)),
        idempotency: .refused, rateClass: .register,
        answers: [Answer(.created, "The account", Account.schema, headers: registrationHeaders)],
        problems: [.alreadyRegistered, .rateLimited],
        examples: [
            Example(
                "Create a second account",
                body: ["email": "second.{{email}}", "password": "{{password}}", "name": "Second", "age": 30])
        ]
    ) { context in
        try signUp(context) { .created($0.json, at: "/me") }
    }

    /// Sent if the network address has a limit of registrations.
    private static let registrationHeaders: [ResponseHeader] = [.rateLimitPolicy, .rateLimit]

    /// Creates the account that the body describes. The answer tells how many more the network address may create.
    private static func signUp(_ context: Context, answer: (Account) -> Response) throws -> Response {
        let registration = try Registration(context.input)
        let limit = try countRegistration(context)
        guard let account = try makeAccount(registration, context) else { throw Problem.nameTaken }
        var response = answer(account)
        limit?.add(to: &response.headers)
        return response
    }

    /// Creates the account that a caller registers; nil when the name is taken.
    static func signUp(_ registration: Registration, _ context: Context) throws -> Account? {
        try countRegistration(context)
        return try makeAccount(registration, context)
    }

    /// Throws 429 when the caller's network address has claimed too many names, before a password is hashed.
    ///
    /// - Returns: what is left of the limit; nil if the address has none.
    @discardableResult
    static func countRegistration(_ context: Context) throws -> RateLimit.State? {
        guard let limit = context.services.registrationLimit, !context.network.isShared else { return nil }
        let state = try RateLimit(name: "registrations", calls: limit, seconds: 60).count(
            .network(context.network), on: context.connection)
        try state.check()
        return state
    }

    /// Nil when the name is taken.
    ///
    /// - Parameter isByAdmin: whether an admin makes the account for another person; false: callers make their own.
    static func makeAccount(
        _ registration: Registration, role: Role = .client, isByAdmin: Bool = false, _ context: Context
    ) throws -> Account? {
        let hash = try context.passwords.hash(registration.password)
        return try context.connection.atomically { connection in
            let account = try Account.insert(
                registration, passwordHash: hash, role: role, isConfirmed: isByAdmin, on: connection)
            if let account {
                try context.services.welcome.give(to: account.id, role, on: connection)
                try context.audit.record(
                    isByAdmin ? .userMade(account.id, role) : .registered(account.id))
            }
            return account
        }
    }

    private static let me = Endpoint(
        .get, "/me", operation: "getMe", tag: .accounts, access: .user, summary: "Read your own account",
        answers: [Answer(.ok, "The account", Profile.schema)]
    ) { context in
        let user = try context.user
        return try profile(of: user.account, storing: user.storedBytes, context)
    }

    /// - Parameter account: the caller's, as it is now.
    static func profile(of account: Account, storing bytes: Int64, _ context: Context) throws -> Response {
        let storage = StoredBytes(bytes, of: account.role, context.storage)
        return .json(Profile(account: account, credits: try context.user.credits, storage: storage).text)
    }
}

extension Problem {
    static let nameTaken = Problem(.alreadyRegistered)
}
