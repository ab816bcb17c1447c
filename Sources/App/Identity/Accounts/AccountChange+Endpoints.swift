import Crypto
import HTTP
import JSON
import Postgres
import System

/// Changes of the caller's own account.
extension Endpoint<Context> {
    static let changeMe = Endpoint(
        .patch, "/me", operation: "updateMe", tag: .accounts, access: .account,
        summary: "Change your own name, e-mail or password",
        description: """
            A new password ends all other sessions. A new password or e-mail needs the current password.
            """,
        body: .json(Profile.change.schema),
        idempotency: .refused, answers: [Answer(.ok, "The account", Profile.schema)],
        problems: [.wrongPassword, .loginThrottled, .alreadyRegistered],
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
                if let name = context.input["name"] { account = try account.rename(name.stringValue, on: connection) }
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
        let email = context.input["email"]?.stringValue.flatMap { given -> String? in
            if let present = account.email, given.hasSameBytes(as: present) { return nil }
            return UsernameProfile.enforced(given)
        }
        guard password != nil || email != nil else { return nil }
        var violations: [Violation] = []
        if let password {
            violations += PasswordPolicy.violations(
                of: password, at: "/password", names: [email ?? account.email, account.username])
        }
        if context.input["current_password"] == nil { violations.append(missingCurrentPassword) }
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        return LoginChange(
            verified: try proveCurrentPassword(of: account, context),
            newHash: try password.map { try context.passwords.hash($0) }, email: email)
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
