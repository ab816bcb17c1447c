package import Crypto
import Flows
package import Postgres

/// The accounts of the demo profile. Their passwords are in the documentation. No other profile creates them.
package enum DemoProfile {
    /// Creates the missing accounts, grants credits to those that never had any, and sets prices that are not set.
    package static func seed(
        clientPassword: String, adminPassword: String, passwords: PasswordHasher, welcome: WelcomeCredits,
        on connection: Connection
    ) throws {
        let accounts: [(email: String?, username: String?, password: String, role: Role)] = [
            ("user3784mail@gmail.com", nil, "aFtg&89M", .client),
            (nil, "user1", "password1", .client),
            ("defaultclient@client.as", nil, clientPassword, .client),
            ("defaultadmin@admin.as", nil, adminPassword, .admin),
        ]
        for account in accounts {
            let registration = Registration(
                email: account.email, username: account.username, password: account.password)
            let known = try Account.findForLogin(account.email ?? account.username ?? "", on: connection)?.id
            let hash = try known == nil ? passwords.hash(account.password) : ""
            try connection.transaction { connection in
                guard let id = try known ?? make(registration, hash, account.role, on: connection),
                    try connection.query("SELECT FROM credits WHERE user_id = \(id)").isEmpty
                else { return }
                let credits = account.role == .admin ? adminCredits : welcome.client
                try WelcomeCredits.give(credits, to: id, on: connection)
            }
        }
        for operation in Operation.all {
            try Price.setFirst(operationCost, of: operation.taskType, on: connection)
        }
    }

    /// The new account's id; nil when another account has the name.
    private static func make(
        _ registration: Registration, _ passwordHash: String, _ role: Role, on connection: Connection
    ) throws -> String? {
        let made = try Account.insert(
            registration, passwordHash: passwordHash, role: role, isConfirmed: true, on: connection)
        if let made { try AuditTrail(from: nil, on: connection).record(.userMade(made.id, made.role)) }
        return made?.id
    }

    package static let adminPassword = "adminpass"
    /// The default credits of new clients and guests.
    package static let welcome = WelcomeCredits(client: 20, guest: 50)
    private static let adminCredits: Int64 = 1_000
    private static let operationCost: Int64 = 5
}
