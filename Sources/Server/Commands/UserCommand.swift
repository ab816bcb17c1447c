import App
import Crypto
import Postgres
import Process

/// `user`: users from the command line. Passwords come from standard input: an argument is everybody's to read.
enum UserCommand {
    static let usage = "add NAME [--admin] | list | disable NAME | reset-password NAME | grant-admin NAME"

    static func run(_ invocation: Invocation) throws {
        let connection = Connection(try invocation.configuration.database)
        let users = UserAdministration(on: connection, passwords: try PasswordHasher.alone)
        switch invocation.words(flags: ["--admin"]) {
        case ["list"]: try users.list { print($0) }
        case let words where words.count == 2 && words[0] == "add":
            try users.add(words[1], password: try password(), isAdmin: invocation.arguments.contains("--admin"))
        case let words where words.count == 2 && words[0] == "reset-password":
            try users.resetPassword(of: words[1], to: try password())
        case let words where words.count == 2 && words[0] == "disable": try users.disable(words[1])
        case let words where words.count == 2 && words[0] == "grant-admin": try users.grantAdmin(words[1])
        default: throw UsageError("user \(usage)")
        }
        // What was done is done: if its entry in the audit log gets no seal now, it gets one later.
        _ = try? AuditLog.seal(on: connection)
    }

    private static func password() throws -> String {
        guard let password = Terminal.readSecret(prompt: "Password: ") else {
            throw Refusal(description: "a password is read from standard input, and there was none")
        }
        return password
    }
}
