import Postgres

extension Credits {
    /// Joins to `users`, aliased `u`, the table that `columns` reads.
    static let join: SQL = "LEFT JOIN credits c ON c.user_id = u.id"
    /// The columns that `init(_:)` reads, in its order.
    static let columns: SQL = "coalesce(c.balance, 0), coalesce(c.held, 0)"

    init(_ columns: inout Columns) throws {
        self.init(balance: try columns.next(), held: try columns.next())
    }

    /// The user's credits.
    static func find(of userID: String, on connection: Connection) throws -> Credits {
        let rows = try connection.query("SELECT balance, held FROM credits WHERE user_id = \(userID)")
        guard let row = rows.first else { return Credits(balance: 0, held: 0) }
        var columns = row.columns
        return try Credits(&columns)
    }

    /// The user's available credits; the row stays locked until the transaction ends.
    static func lockedBalance(of userID: String, on connection: Connection) throws -> Int64 {
        try connection.query("SELECT balance FROM credits WHERE user_id = \(userID) FOR UPDATE").first?
            .decode(Int64.self) ?? 0
    }
}
