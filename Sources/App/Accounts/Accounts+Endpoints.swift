import Crypto
import HTTP
import JSON

extension Endpoint<Context> {
    static let accounts: [Endpoint] = [register, createUser, login, logout, me]

    private static let register = Endpoint(
        .post, "/register", access: .everyone, summary: "Make an account with a username or an e-mail",
        body: .json(
            .object(
                required: ["password": Registration.password],
                optional: [
                    "email": Registration.email, "username": Registration.username, "name": Registration.name,
                ]
            ).named("Registration")),
        idempotency: .refused,
        answers: [
            Answer(.ok, "The account", .object(required: ["message": .string, "user": Account.schema])),
            Answer(.conflict, "The name is taken", Problem.schema),
        ]
    ) { context in
        guard let account = try makeAccount(context) else {
            throw Problem(.conflict, "already_registered", "User registered already, Please login")
        }
        return .json(["message": "User registered successfully", "user": account.json])
    }

    private static let createUser = Endpoint(
        .post, "/create_user", access: .everyone, summary: "Make an account with an e-mail",
        body: .json(
            .object(
                required: ["email": Registration.email, "password": Registration.password],
                optional: ["name": Registration.name, "age": .integer(0...150)]
            ).named("NewUser")),
        idempotency: .refused,
        answers: [
            Answer(.created, "The account", Account.schema), Answer(.conflict, "The e-mail is taken", Problem.schema),
        ]
    ) { context in
        guard let account = try makeAccount(context) else {
            throw Problem(.conflict, "already_registered", "User registered already, Please login")
        }
        return .created(account.json, at: "/me")
    }

    private static func makeAccount(_ context: Context) throws -> Account? {
        let registration = try Registration(context.input)
        let hash = try context.services.passwords.hash(Array(registration.password.utf8))
        return try Account.insert(registration, passwordHash: hash, on: context.connection)
    }

    private static let login = Endpoint(
        .post, "/login", access: .everyone, summary: "Log in by e-mail or username and get a token",
        body: .jsonOrForm(
            .object(
                required: ["password": .string],
                optional: [
                    "email": .string, "username": .string,
                    // What OAuth 2 clients send along; it decides nothing here.
                    "grant_type": .string, "scope": .string, "client_id": .string, "client_secret": .string,
                ]
            ).named("Login")),
        idempotency: .refused,
        answers: [
            Answer(
                .ok, "The token",
                .object(required: [
                    "token": .string, "access_token": .string, "token_type": .constant("bearer"),
                    "expires_in": .integer,
                ]).named("Token")),
            Answer(.unauthorized, "Unknown name or wrong password", Problem.schema),
        ]
    ) { context in
        guard let name = (context.input["email"] ?? context.input["username"])?.stringValue else {
            throw Problem.invalid("/email", "an e-mail or a username is needed")
        }
        let password = Array((context.input["password"]?.stringValue ?? "").utf8)
        let found = try Account.findForLogin(name, on: context.connection)
        // An unknown name costs the same verification, so that time tells nothing about who has an account.
        guard try context.services.passwords.verify(password, against: found?.passwordHash), let found else {
            throw Problem.unauthorized("Authentication failed", code: "invalid_credentials")
        }
        let session = try Session.begin(for: found.id, on: context.connection)
        let token = context.services.tokens.sign(
            Claims(
                subject: found.id, session: session, issuedAt: context.now, notBefore: context.now,
                expires: context.now + Account.tokenLifetime))
        return .json([
            "token": .string(token), "access_token": .string(token), "token_type": "bearer",
            "expires_in": .integer(Account.tokenLifetime),
        ])
    }

    private static let logout = Endpoint(
        .post, "/logout", access: .user, summary: "End this session, or all of them",
        body: .optionalJSON(.object(required: [:], optional: ["all": .boolean]).named("Logout")),
        idempotency: .refused, answers: [Answer(.noContent, "Ended")]
    ) { context in
        try Session.end(context.user, all: context.input["all"]?.boolValue ?? false, on: context.connection)
        return .noContent
    }

    private static let me = Endpoint(
        .get, "/me", access: .user, summary: "The caller's own account",
        answers: [Answer(.ok, "The account", Account.schema)]
    ) { context in
        .json(try context.user.account.json)
    }
}

extension Account {
    /// Seconds for which an access token is good.
    static let tokenLifetime: Int64 = 30 * 60
}
