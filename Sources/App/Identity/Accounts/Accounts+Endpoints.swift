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
        answers: [
            Answer(
                .ok, "The account",
                JSONSchema.object(required: ["message": .string, "user": Account.schema]).named("Registered"))
        ],
        problems: [.alreadyRegistered, .rateLimited],
        examples: [
            Example(
                "Create your account", body: ["email": "{{email}}", "password": "{{password}}", "name": "You"],
                stores: ["user_id": "/user/id"])
        ]
    ) { context in
        guard let account = try signUp(Registration(context.input), context) else { throw Problem.nameTaken }
        return .json(["message": "User registered successfully", "user": account.json])
    }

    private static let createUser = Endpoint(
        .post, "/create_user", operation: "createUser", tag: .accounts, access: .everyone,
        summary: "Create an account with an e-mail",
        body: .json(
            .object(
                required: ["email": Registration.email, "password": Registration.password],
                optional: ["name": Registration.name, "age": .integer(0...150)]
            ).named("NewUser"), rules: Registration.violations(in:)),
        idempotency: .refused, answers: [Answer(.created, "The account", Account.schema)],
        problems: [.alreadyRegistered, .rateLimited],
        examples: [
            Example(
                "Create a second account",
                body: ["email": "second.{{email}}", "password": "{{password}}", "name": "Second", "age": 30])
        ]
    ) { context in
        guard let account = try signUp(Registration(context.input), context) else { throw Problem.nameTaken }
        return .created(account.json, at: "/me")
    }

    /// Creates the account that a caller registers; nil when the name is taken.
    static func signUp(_ registration: Registration, _ context: Context) throws -> Account? {
        try countRegistration(context)
        return try makeAccount(registration, context)
    }

    /// Throws 429 when the caller's network address has created too many accounts, before a password is hashed.
    static func countRegistration(_ context: Context) throws {
        guard let limit = context.services.registrationLimit, !context.network.isShared else { return }
        try RateLimit(name: "registrations", calls: limit, seconds: 60).count(
            .network(context.network), on: context.connection)
    }

    /// Nil when the name is taken.
    static func makeAccount(
        _ registration: Registration, role: Role = .client, _ context: Context
    ) throws -> Account? {
        let hash = try context.passwords.hash(registration.password)
        return try context.connection.atomically { connection in
            let account = try Account.insert(registration, passwordHash: hash, role: role, on: connection)
            if let account {
                try context.services.welcome.give(to: account.id, role, on: connection)
                try context.audit.record(
                    context.caller == nil ? .registered(account.id) : .userMade(account.id, role))
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

    private static let changeMe = Endpoint(
        .patch, "/me", operation: "updateMe", tag: .accounts, access: .account,
        summary: "Change your own name or password",
        description: "A new password ends all other sessions. It needs the current one.",
        body: .json(Profile.change.schema),
        idempotency: .refused, answers: [Answer(.ok, "The account", Profile.schema)],
        problems: [.wrongPassword, .loginThrottled],
        examples: [Example("Change your name", body: ["name": "Your Name"])]
    ) { context in
        let user = try context.user
        let present = Profile(
            account: user.account, credits: user.credits,
            storage: StoredBytes(user.storedBytes, of: user.account.role, context.storage))
        try Profile.change.check(context.input, against: present.json)
        let change = try passwordChange(for: user.account, context)
        return try context.connection.transaction { connection in
            if let (old, new) = change {
                guard try Account.setPasswordHash(new, replacing: old, of: user.id, on: connection) else {
                    throw Problem.wrongPassword
                }
                try Session.endAll(of: user.id, except: user.sessionID, on: connection)
                try context.audit.record(.passwordChanged(of: user.id))
            }
            let name = context.input["name"]
            let account = try name.map { try user.account.rename($0.stringValue, on: connection) } ?? user.account
            return try profile(of: account, storing: StoredBytes.find(of: user.id, on: connection), context)
        }
    }

    /// The hashes of the current and the new password; nil when the call sets none. Throws unless the call has the
    /// current one.
    private static func passwordChange(
        for account: Account, _ context: Context
    ) throws -> (old: String, new: String)? {
        guard let password = context.input["password"]?.stringValue else { return nil }
        var violations = PasswordPolicy.violations(
            of: password, at: "/password", names: [account.email, account.username])
        if context.input["current_password"] == nil { violations.append(missingCurrentPassword) }
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        let old = try proveCurrentPassword(of: account, context)
        return (old, try context.passwords.hash(password))
    }

    private static let missingCurrentPassword = Violation(
        pointer: "/current_password", message: "is required to change the password")

    /// The hash of the account's current password, which the call must send as `current_password`.
    @discardableResult
    static func proveCurrentPassword(of account: Account, _ context: Context) throws -> String {
        guard let password = context.input["current_password"]?.stringValue else {
            throw Problem.invalid([missingCurrentPassword])
        }
        let attempt = try context.services.loginLimits?.attempt(
            .account(id: account.id), from: context.request.remoteAddress)
        let known = try account.passwordHash(on: context.connection)
        let isCorrect = try context.passwords.match(password, against: known) != .none
        attempt?.ended(rightly: isCorrect)
        guard isCorrect, let known else { throw Problem.wrongPassword }
        return known
    }
}

extension Problem {
    fileprivate static let wrongPassword = Problem(.wrongPassword)
    static let nameTaken = Problem(.alreadyRegistered)
}
