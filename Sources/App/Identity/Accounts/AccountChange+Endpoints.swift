import Crypto
import HTTP
import JSON
import Postgres
import System

/// Changes of the caller's own account.
extension Endpoint<Context> {
    static let changeMe = Endpoint(
        .patch, "/me", operation: "updateMe", tag: .accounts, access: .account,
        summary: "Change your own name, age, e-mail or password",
        description: """
            A new password ends all other sessions. A new password or e-mail needs the current password.
            """,
        body: .json(Profile.change.schema),
        idempotency: .refused, answers: [Answer(.ok, "The account", Profile.schema)],
        problems: [.wrongPassword, .loginThrottled, .alreadyRegistered, .rateLimited],
        examples: [Example("Change your name", body: ["name": "Your Name"])]
    ) { context in
        let user = try context.user
        let present = Profile(
            account: user.account, credits: user.credits,
            storage: StoredBytes(user.storedBytes, of: user.account.role, context.storage))
        try Profile.change.check(context.input, against: present.json)
        let change = try loginChange(for: user.account, context)
        do {
            return try context.connection.transaction { connection in
                var account = user.account
                if let change { account = try apply(change, to: account, context, on: connection) }
                account = try account.describe(context.input, on: connection)
                return try profile(of: account, storing: StoredBytes.find(of: user.id, on: connection), context)
            }
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw Problem.nameTaken
        }
    }

    /// A change of what the user logs in with, and the hash of the password that permitted it.
    private struct LoginChange {
        let verified: String
        let newHash: String?
        let email: String?
    }

    /// Nil when the call changes neither. Throws unless the call has the current password.
    private static func loginChange(for account: Account, _ context: Context) throws -> LoginChange? {
        let password = context.input["password"]?.stringValue
        let sent = context.input["email"].flatMap { isEmail($0, of: account) ? Optional.none : $0 }
        guard password != nil || sent != nil else { return nil }
        var violations = sent.map(emailViolations) ?? []
        let email = (sent?.stringValue).map(UsernameProfile.enforced)
        if let password {
            violations += PasswordPolicy.violations(
                of: password, at: "/password", names: [email ?? account.email, account.username])
        }
        if context.input["current_password"] == nil { violations.append(missingCurrentPassword) }
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        let verified = try proveCurrentPassword(of: account, context)
        // A new e-mail claims a name, and its answer reveals whether the name is taken: as a registration does.
        if email != nil { try countRegistration(context) }
        return LoginChange(
            verified: verified, newHash: try password.map { try context.passwords.hash($0) }, email: email)
    }

    /// Whether the value is the account's e-mail, which is accepted even if no new account could have it.
    private static func isEmail(_ value: JSON, of account: Account) -> Bool {
        guard let email = account.email else { return value == .null }
        return value.stringValue?.hasSameBytes(as: email) == true
    }

    private static func emailViolations(in value: JSON) -> [Violation] {
        Registration.email.violations(in: value).map { Violation(pointer: "/email", message: $0.message) }
    }

    private static func apply(
        _ change: LoginChange, to account: Account, _ context: Context, on connection: Connection
    ) throws -> Account {
        var account = account
        if let email = change.email, email != account.email {
            guard let changed = try account.setEmail(email, ifHashIs: change.verified, on: connection) else {
                throw Problem.wrongPassword
            }
            account = changed
            try context.audit.record(.emailChanged(of: account.id))
        }
        if let hash = change.newHash {
            guard
                try Account.setPasswordHash(hash, replacing: change.verified, of: account.id, on: connection)
            else { throw Problem.wrongPassword }
            try Session.endAll(of: account.id, except: context.user.sessionID, on: connection)
            try context.audit.record(.passwordChanged(of: account.id))
        }
        return account
    }

    private static let missingCurrentPassword = Violation(
        pointer: "/current_password", message: "is required for this change")

    /// The hash of the account's current password, which the call must send as `current_password`.
    @discardableResult
    static func proveCurrentPassword(of account: Account, _ context: Context) throws -> String {
        try provePassword("current_password", missing: missingCurrentPassword, of: account, context)
    }

    /// The hash of the account's password, which the call must send as this member.
    @discardableResult
    static func provePassword(
        _ member: String, missing: Violation, of account: Account, _ context: Context
    ) throws -> String {
        guard let password = context.input[member]?.stringValue else { throw Problem.invalid([missing]) }
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
    static let wrongPassword = Problem(.wrongPassword)
}
