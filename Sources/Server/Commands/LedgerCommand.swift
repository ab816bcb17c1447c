import App
import Flows
import Migrations
import Postgres

/// `ledger`: what an operator does with the books of credits.
enum LedgerCommand {
    static let usage = "verify"

    /// `verify` prints what the entries add up to, or what is wrong with them, and then fails.
    static func run(_ invocation: Invocation) throws {
        guard invocation.words() == ["verify"] else { throw UsageError("ledger \(usage)") }
        // A long ledger takes as long as it takes.
        let connection = Connection(try invocation.configuration.database.forMigrations)
        print(try Ledger.verify(on: connection))
    }
}
