import HTTP
import JSON
package import Crypto
package import Postgres

/// User administration from the command line, for when no admin can log in.
package struct UserAdministration {
    private let connection: Connection
    private let passwords: PasswordHasher
    private let welcome: WelcomeCredits
    private let audit: AuditTrail

    package init(on connection: Connection, passwords: PasswordHasher, welcome: WelcomeCredits) {
        self.connection = connection
        self.welcome = welcome
        audit = AuditTrail(from: nil, on: connection)
        self.passwords = passwords
    }

    /// Creates a user with that e-mail or username.
    package func add(_ name: String, password: String, isAdmin: Bool) throws {
        let registration = try checked { try Registration(["username": .string(name), "password": .string(password)]) }
        let hash = try passwords.hash(password)
        try connection.transaction { connection in
            guard
                let account = try Account.insert(
                    registration, passwordHash: hash, role: isAdmin ? .admin : .client, isConfirmed: true,
                    on: connection)
            else { throw Refusal(description: "the name is taken") }
            try welcome.give(to: account.id, account.role, on: connection)
            try audit.record(.userMade(account.id, account.role))
        }
    }

    /// Creates the first admin of a new installation; returns false and changes nothing when a user has that e-mail, or
    /// once had it. The password is only read for a new admin.
    package func addFirstAdmin(_ email: String, password: () throws -> String) throws -> Bool {
        if try Account.hasEverHad(email: email, on: connection) { return false }
        let password = try password()
        let registration = try checked {
            let violations = Registration.email.violations(in: .string(email))
            guard violations.isEmpty else { throw Problem.invalid("/email", "must be an e-mail") }
            return try Registration(["email": .string(email), "password": .string(password)])
        }
        let hash = try passwords.hash(password)
        return try connection.transaction { connection in
            let account = try Account.insert(
                registration, passwordHash: hash, role: .admin, isConfirmed: true, on: connection)
            if let account { try audit.record(.userMade(account.id, account.role)) }
            return account != nil
        }
    }

    /// Sets a new password and ends all sessions and keys of the user, because another person may have them.
    package func resetPassword(of name: String, to password: String) throws {
        let user = try find(name)
        let account = user.account
        try checked { try PasswordPolicy.check(password, for: account) }
        let hash = try passwords.hash(password)
        try connection.transaction { connection in
            try connection.execute("UPDATE users SET password_hash = \(hash) WHERE id = \(account.id)")
            try user.endAccess(on: connection)
            try audit.record(.passwordChanged(of: account.id))
        }
    }

    /// For a user who has lost the app and the recovery codes: afterwards the password alone suffices.
    package func removeFactor(of name: String) throws {
        let id = try find(name).account.id
        let isRemoved = try connection.transaction { try SecondFactor.remove(of: id, audit, on: $0) }
        if !isRemoved { throw Refusal(description: "the user has no second factor") }
    }

    package func disable(_ name: String) throws { try change(name, ["disabled": true]) }

    package func enable(_ name: String) throws { try change(name, ["disabled": false]) }

    package func grantAdmin(_ name: String) throws { try change(name, ["role": "admin"]) }

    /// One line per user: id, role, names, and whether the user is disabled.
    package func list(_ line: (String) -> Void) throws {
        for user in try User.all(on: connection) {
            let names = [user.account.email, user.account.username].compactMap(\.self).joined(separator: " ")
            line("\(user.account.id)  \(user.account.role.rawValue)  \(names)\(user.isDisabled ? "  disabled" : "")")
        }
    }

    private func change(_ name: String, _ change: JSON) throws {
        let id = try find(name).account.id
        try connection.transaction { connection in
            _ = try User.find(id, locked: true, on: connection)?.update(change, audit, on: connection)
        }
    }

    private func find(_ name: String) throws -> User {
        guard let user = try User.find(named: name, on: connection) else {
            throw Refusal(description: "there is no user of that name")
        }
        return user
    }

    /// Converts a problem of the input to a message for the operator.
    private func checked<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let problem as Problem {
            let parts = problem.violations.map { "\($0.pointer.dropFirst()) \($0.message)" }
            throw Refusal(description: parts.isEmpty ? problem.message : parts.joined(separator: "; "))
        }
    }
}
