import App
import Migrations
import Postgres

/// `audit`: verifies the audit log.
enum AuditCommand {
    static let forms = [
        CommandForm(
            arguments: "verify [--head POSITION:HEX]", summary: "Verify the hash chain and print its head")
    ]

    /// Prints the head of an intact chain, which the operator keeps outside the database; fails if the chain is broken.
    static func run(_ invocation: Invocation) throws {
        let remembered = Invocation.value(of: "--head", in: invocation.arguments)
        let head = remembered.flatMap { AuditHead($0) }
        guard invocation.words(options: ["--head"]) == ["verify"],
            (head == nil) == !invocation.arguments.contains("--head")
        else {
            throw UsageError("audit", forms)
        }
        // Without a statement timeout, because the log may be long.
        let connection = Connection(try invocation.configuration.database.forMigrations)
        let found = try AuditLog.verify(against: head, on: connection)
        print("\(found.position) entries, unbroken; head \(found)")
    }
}
