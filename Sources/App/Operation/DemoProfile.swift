package import Crypto
package import Postgres

/// The accounts of the demo profile, which the documentation names with their passwords. Never made elsewhere.
package enum DemoProfile {
    /// Makes those that are not there yet.
    package static func seed(
        clientPassword: String, adminPassword: String, passwords: PasswordHasher, on connection: Connection
    ) throws {
        let accounts: [(email: String?, username: String?, password: String, role: Account.Role)] = [
            ("user3784mail@gmail.com", nil, "aFtg&89M", .client),
            (nil, "user1", "password1", .client),
            ("defaultclient@client.as", nil, clientPassword, .client),
            ("defaultadmin@admin.as", nil, adminPassword, .admin),
        ]
        let audit = AuditTrail(from: nil, on: connection)
        for account in accounts {
            guard try Account.findForLogin(account.email ?? account.username ?? "", on: connection) == nil else {
                continue
            }
            let registration = Registration(
                email: account.email, username: account.username, password: account.password)
            let hash = try passwords.hash(Array(account.password.utf8))
            try connection.transaction { connection in
                let made = try Account.insert(registration, passwordHash: hash, role: account.role, on: connection)
                if let made { try audit.record(.userMade(made.id, made.role)) }
            }
        }
    }

    package static let adminPassword = "adminpass"
}
