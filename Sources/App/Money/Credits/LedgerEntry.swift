import Flows
import HTTP
import JSON
import Postgres

/// Entries of the ledger as users and admins read them.
enum LedgerEntry {
    /// The maximum amount of one grant.
    static let largestGrant: Int64 = 1_000_000_000_000

    private static let account = JSONSchema.string(enum: Ledger.Account.allCases.map(\.rawValue)).named("LedgerAccount")

    /// The reason of a grant.
    static let note = JSONSchema.string(maxLength: 500)

    static let resource = Resource(
        "LedgerEntry",
        .id("id"), .id("user_id"), .text("debit", account).described("The account that the credits come from"),
        .text("credit", account).described("The account that they go to"), .integer("amount"),
        .integer("balance").described("The user's available credits after it"),
        .integer("held").described("The user's reserved credits after it"),
        .id("execution_id").nullable.described("The run that the entry belongs to"),
        .text("note", note).nullable.described("The reason of a grant"), .time("created_at"))

    /// Grants credits to a user who exists, and returns the entry.
    static func grant(_ amount: Int64, to userID: String, note: String?, on connection: Connection) throws -> JSON {
        try resource.json(
            connection.query(
                "\(Ledger.grant(amount, to: userID, note: note)) RETURNING \(resource.columns)"
            ).only)
    }
}
