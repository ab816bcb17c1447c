import Postgres

extension Credits {
    /// Joins to `users`, aliased `u`, the table that `columns` reads.
    static let join: SQL = "LEFT JOIN credits c ON c.user_id = u.id"
    /// The columns that `init(_:)` reads, in its order.
    static let columns: SQL = "coalesce(c.balance, 0), coalesce(c.held, 0)"

    init(_ columns: inout Columns) throws {
        self.init(balance: try columns.next(), held: try columns.next())
    }

    /// The user's available credits; the row stays locked until the transaction ends.
    static func lockedBalance(of userID: String, on connection: Connection) throws -> Int64 {
        try connection.query("SELECT balance FROM credits WHERE user_id = \(userID) FOR UPDATE").first?
            .decode(Int64.self) ?? 0
    }
}
