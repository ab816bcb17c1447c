import Flows
import JSON
import Postgres

/// A user's balance, in whole credits.
struct Credits: Sendable {
    /// The credits available to spend.
    let balance: Int64
    /// The credits reserved for active runs.
    let held: Int64

    static let schema = JSONSchema.object(required: [
        "balance": JSONSchema.integer.described("The credits available to spend"),
        "held": JSONSchema.integer.described("The credits reserved for active runs"),
    ]).named("Credits")

    func write(to object: inout (some JSONMembers & ~Copyable)) {
        object.member("balance", balance)
        object.member("held", held)
    }
}

/// The credits of a new account, in whole credits; an admin gets none.
package struct WelcomeCredits: Sendable {
    package let client: Int64
    package let guest: Int64

    package init(client: Int64, guest: Int64) {
        self.client = client
        self.guest = guest
    }

    /// Grants the credits, in the transaction that creates the account.
    func give(to userID: String, _ role: Role, on connection: Connection) throws {
        switch role {
        case .client: try WelcomeCredits.give(client, to: userID, on: connection)
        case .guest: try WelcomeCredits.give(guest, to: userID, on: connection)
        case .admin: break
        }
    }

    static func give(_ amount: Int64, to userID: String, on connection: Connection) throws {
        guard amount > 0 else { return }
        try connection.execute(Ledger.grant(amount, to: userID, note: "welcome"))
    }
}
