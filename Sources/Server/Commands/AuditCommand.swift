import App
import Migrations
import Postgres

/// `audit`: what an operator does with the audit log.
enum AuditCommand {
    static let usage = "verify [--head POSITION:HEX]"

    /// `verify` prints the head of an unbroken chain, to be kept elsewhere, and fails for any other.
    static func run(_ invocation: Invocation) throws {
        let remembered = Invocation.value(of: "--head", in: invocation.arguments)
        let head = remembered.flatMap { AuditHead($0) }
        guard invocation.words(options: ["--head"]) == ["verify"],
            (head == nil) == !invocation.arguments.contains("--head")
        else {
            throw UsageError("audit \(usage)")
        }
        // A long log takes as long as it takes.
        let connection = Connection(try invocation.configuration.database.forMigrations)
        let found = try AuditLog.verify(against: head, on: connection)
        print("\(found.position) entries, unbroken; head \(found)")
    }
}
