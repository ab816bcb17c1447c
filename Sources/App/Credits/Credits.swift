import Flows
import JSON
import Postgres

/// What a user has, in whole credits.
struct Credits: Sendable {
    /// What can be spent.
    let balance: Int64
    /// What is put aside for runs that go on.
    let held: Int64

    static let schema = JSONSchema.object(required: [
        "balance": JSONSchema.integer.described("What can be spent"),
        "held": JSONSchema.integer.described("What is put aside for runs that go on"),
    ]).named("Credits")

    func write(to object: inout (some JSONMembers & ~Copyable)) {
        object.member("balance", balance)
        object.member("held", held)
    }

    /// To `users`, named `u`, what `columns` are of.
    static let join: SQL = "LEFT JOIN credits c ON c.user_id = u.id"
    /// What `init(_:)` takes, in its order.
    static let columns: SQL = "coalesce(c.balance, 0), coalesce(c.held, 0)"

    init(balance: Int64, held: Int64) {
        self.balance = balance
        self.held = held
    }

    init(_ columns: inout Columns) throws {
        balance = try columns.next()
        held = try columns.next()
    }

    /// What the user can spend; nobody else spends of it until the transaction ends.
    static func lockedBalance(of userID: String, on connection: Connection) throws -> Int64 {
        try connection.query("SELECT balance FROM credits WHERE user_id = \(userID) FOR UPDATE").first?
            .decode(Int64.self) ?? 0
    }
}

/// What a new account begins with, in whole credits; an admin with none.
package struct WelcomeCredits: Sendable {
    package let client: Int64
    package let guest: Int64

    package init(client: Int64, guest: Int64) {
        self.client = client
        self.guest = guest
    }

    /// Gives them, in the transaction that makes the account.
    func give(to userID: String, _ role: Account.Role, on connection: Connection) throws {
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
