import App
import Flows
import Migrations
import Postgres

/// `ledger`: verifies the ledger of credits.
enum LedgerCommand {
    static let forms = [
        CommandForm(arguments: "verify", summary: "Check all balances against their entries")
    ]

    /// Prints the totals of the entries; fails with the first error that it finds.
    static func run(_ invocation: Invocation) throws {
        guard invocation.words() == ["verify"] else { throw UsageError("ledger", forms) }
        // Without a statement timeout, because the ledger may be long.
        let connection = Connection(try invocation.configuration.database.forMigrations)
        print(try Ledger.verify(on: connection))
    }
}
