import App
import Crypto
import Postgres
import Process

/// `user`: users from the command line. Passwords come from standard input: an argument is everybody's to read.
enum UserCommand {
    static let usage = """
        add NAME [--admin] | list | disable NAME | enable NAME | reset-password NAME | remove-factor NAME | \
        grant-admin NAME
        """

    static func run(_ invocation: Invocation) throws {
        let connection = Connection(try invocation.configuration.database)
        let users = UserAdministration(
            on: connection, passwords: try PasswordHasher.alone, welcome: try invocation.configuration.welcome)
        switch invocation.words(flags: ["--admin"]) {
        case ["list"]: try users.list { print($0) }
        case let words where words.count == 2: try change(words[1], by: words[0], users, invocation)
        default: throw UsageError("user \(usage)")
        }
        // What was done is done: if its entry in the audit log gets no seal now, it gets one later.
        _ = try? AuditLog.seal(on: connection)
    }

    private static func change(
        _ name: String, by word: String, _ users: UserAdministration, _ invocation: Invocation
    ) throws {
        switch word {
        case "add":
            try users.add(name, password: try password(), isAdmin: invocation.arguments.contains("--admin"))
        case "disable": try users.disable(name)
        case "enable": try users.enable(name)
        case "reset-password": try users.resetPassword(of: name, to: try password())
        case "remove-factor": try users.removeFactor(of: name)
        case "grant-admin": try users.grantAdmin(name)
        default: throw UsageError("user \(usage)")
        }
    }

    private static func password() throws -> String {
        guard let password = Terminal.readSecret(prompt: "Password: ") else {
            throw Refusal(description: "a password is read from standard input, and there was none")
        }
        return password
    }
}
