import Flows
import HTTP
import JSON
import Postgres

/// Entries of the ledger as users and admins read them.
enum LedgerEntry {
    /// The maximum amount of one grant.
    static let largestGrant: Int64 = 1_000_000_000_000

    private static let account = JSONSchema.string(enum: Ledger.Account.allCases.map(\.rawValue)).named("LedgerAccount")

    static let schema = JSONSchema.object(required: [
        "id": .string(format: .uuid), "user_id": .string(format: .uuid),
        "debit": account.described("The account that the credits come from"),
        "credit": account.described("The account that they go to"),
        "amount": .integer, "balance": JSONSchema.integer.described("The user's available credits after it"),
        "held": JSONSchema.integer.described("The user's reserved credits after it"),
        "execution_id": JSONSchema.string(format: .uuid).nullable.described("The run that the entry belongs to"),
        "note": JSONSchema.string.nullable.described("The reason of a grant"),
        "created_at": .string(format: .dateTime),
    ]).named("LedgerEntry")

    private static let columns: SQL = """
        id, user_id, debit, credit, amount, balance, held, execution_id, note, rfc3339(created_at),
        \(ListQuery.position(created: "created_at"))
        """

    private static func read(_ row: Row) throws -> (position: ListQuery.Position, json: JSON) {
        let (id, userID, debit, credit, amount, balance, held, executionID, note, createdAt, created) =
            try row.decode(
                String.self, String.self, String.self, String.self, Int64.self, Int64.self, Int64.self, String?.self,
                String?.self, String.self, Int64.self)
        let json: JSON = [
            "id": .string(id), "user_id": .string(userID), "debit": .string(debit), "credit": .string(credit),
            "amount": .integer(amount), "balance": .integer(balance), "held": .integer(held),
            "execution_id": JSON(executionID), "note": JSON(note), "created_at": .string(createdAt),
        ]
        return (ListQuery.Position(createdAtMicroseconds: created, id: id), json)
    }

    /// Grants credits to a user who exists, and returns the entry.
    static func grant(_ amount: Int64, to userID: String, note: String?, on connection: Connection) throws -> JSON {
        try read(
            try connection.query("\(Ledger.grant(amount, to: userID, note: note)) RETURNING \(columns)").only
        ).json
    }

    /// A page of the entries that meet the condition.
    static func list(
        _ list: ListQuery, where condition: SQL, on connection: Connection
    ) throws -> [(position: ListQuery.Position, json: JSON)] {
        try connection.query(
            """
            SELECT \(columns) FROM ledger WHERE \(condition) \(list.clauses(created: "created_at", id: "id"))
            """
        ).map(read)
    }
}
