import Crypto
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let login = Endpoint(
        .post, "/login", operation: "login", tag: .accounts, access: .everyone,
        summary: "Log in and get a token",
        description: """
            Takes an `email` or a `username`, and the `password`; with a second factor also the app's code as `otp`.
            OAuth 2 clients may send the form of the password grant. Browsers get the tokens as cookies as well.
            """,
        headers: [.userAgent],
        body: .jsonOrForm(
            .object(
                required: ["password": PasswordPolicy.attempted],
                optional: [
                    "email": Registration.loginName,
                    "username": Registration.loginName.described("May hold an e-mail"),
                    "otp": JSONSchema.string(maxLength: 100).described(
                        "The authenticator app's code, or a recovery code"),
                ]
            ).extended(optional: Session.grantFields).named("Login"), rules: missingName),
        idempotency: .refused, rateClass: .login,
        answers: [Answer(.ok, "The tokens", Session.tokens, headers: [.setCookie])],
        problems: [.invalidCredentials, .otpRequired, .otpInvalid, .loginThrottled, .rateLimited],
        examples: [
            Example(
                "Log in", body: ["email": "{{email}}", "password": "{{password}}"],
                stores: ["token": "/token", "refresh_token": "/refresh_token", "X-CSRF-TOKEN": "/csrf_token"]),
            Example(
                "Log in a second time, by username", body: ["username": "{{email}}", "password": "{{password}}"],
                stores: ["second_token": "/token"]),
            Example(
                "Log in as an OAuth 2 client",
                body: ["grant_type": "password", "username": "{{email}}", "password": "{{password}}"], isForm: true),
            Example(
                "Log in to the second account", body: ["email": "second.{{email}}", "password": "{{password}}"],
                stores: ["other_token": "/token"]),
            Example(
                "Log in as an admin", body: ["email": "{{admin_email}}", "password": "{{admin_password}}"],
                stores: ["admin_token": "/token"]),
        ]
    ) { context in
        let name = (context.input["email"] ?? context.input["username"])?.stringValue ?? ""
        let password = context.input["password"]?.stringValue ?? ""
        let (userID, hash, factor, isNew, isHashOutdated) = try logIn(name, password, context)
        guard
            let session = try Session.begin(
                for: userID, verifiedBy: hash, with: factor, by: context.request, context.audit,
                on: context.connection)
        else { throw Problem.authenticationFailed }
        // If all hashing slots are busy, the next login replaces the hash.
        if isHashOutdated, let fresh = try? context.passwords.hash(password) {
            _ = try Account.setPasswordHash(fresh, replacing: hash, of: userID, on: context.connection)
        }
        return try session.answer(context, with: ["created": .bool(isNew)])
    }

    private static let missingName: BodyFormat.Rules = { input in
        guard case .object(let members) = input, members["email"] == nil, members["username"] == nil else { return [] }
        return [Violation(pointer: "/email", message: "is required, or username")]
    }

    /// The account with that name and password; created if it does not exist and the settings allow it.
    private static func logIn(
        _ name: String, _ password: String, _ context: Context
    ) throws -> (userID: String, passwordHash: String, factor: AuditEvent.Factor, isNew: Bool, isHashOutdated: Bool) {
        let (limits, address) = (context.services.loginLimits, context.request.remoteAddress)
        try limits?.check(name, from: address)
        var found = try Account.findForLogin(name, on: context.connection)
        let attempt = try limits?.attempt(
            found.map { .account(id: $0.id) } ?? .unknown(name: name), named: name, from: address)
        if found == nil, context.services.loginCreatesAccount, name.utf8.contains(UInt8(ascii: "@")),
            let registration = try? Registration(["email": .string(name), "password": .string(password)]),
            Registration.email.violations(in: .string(name)).isEmpty
        {
            let account = try signUp(registration, context)
            if let account, let hash = try account.passwordHash(on: context.connection) {
                return (account.id, hash, .password, true, false)
            }
            // A concurrent first login has created it in the meantime.
            found = try Account.findForLogin(name, on: context.connection)
        }
        // An unknown name costs the same verification, so that the duration does not reveal which accounts exist.
        let match = try context.passwords(of: found?.id ?? name).match(password, against: found?.passwordHash)
        guard match != .none, let found else {
            attempt?.ended(rightly: false)
            try context.audit.recordFailure(.loginFailed(of: found?.id, at: context.now), isReal: found != nil)
            throw Problem.authenticationFailed
        }
        let factor = try proveSecondFactor(of: found.id, context)
        attempt?.ended(rightly: true)
        let isHashOutdated = match == .asSent || context.passwords.needsRehash(found.passwordHash)
        return (found.id, found.passwordHash, factor, false, isHashOutdated)
    }

    /// The factor that the login proved in addition to the password: the code, if the user has an authenticator app.
    /// Throws 401 for a missing or wrong code.
    private static func proveSecondFactor(of userID: String, _ context: Context) throws -> AuditEvent.Factor {
        let factor = try SecondFactor.find(of: userID, context.services.sealingKeys, on: context.connection)
        guard let factor, factor.isConfirmed else { return .password }
        guard let code = context.input["otp"]?.stringValue else {
            throw Problem.unauthorized(.otpRequired)
        }
        let proof = try factor.guarded(by: context.services.loginLimits) {
            try context.connection.transaction { connection in
                try factor.proof(code, now: context.now, context.audit, on: connection)
            }
        }
        guard let proof else {
            try context.audit.recordFailure(.codeFailed(of: userID, at: context.now), isReal: true)
            throw Problem.unauthorized(.otpInvalid)
        }
        return proof
    }
}

extension Problem {
    fileprivate static let authenticationFailed = Problem.unauthorized(.invalidCredentials)
}
