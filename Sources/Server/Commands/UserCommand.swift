import App
import Crypto
import Postgres
import System

/// `user`: manages users. Passwords come from standard input, because every user of the machine can read arguments.
enum UserCommand {
    static let forms = [
        CommandForm(arguments: "add NAME [--admin]", summary: "Create a user by e-mail or username"),
        CommandForm(arguments: "list", summary: "List users"),
        CommandForm(arguments: "disable NAME", summary: "Disable a user"),
        CommandForm(arguments: "enable NAME", summary: "Enable a disabled user"),
        CommandForm(arguments: "reset-password NAME", summary: "Set a password; end sessions and API keys"),
        CommandForm(arguments: "remove-factor NAME", summary: "Remove the second factor"),
        CommandForm(arguments: "grant-admin NAME", summary: "Make a user an admin"),
    ]

    static func run(_ invocation: Invocation) throws {
        let words = invocation.words(flags: ["--admin"])
        let changes = forms.filter { $0.arguments.contains(" NAME") }
        let isChange = words.count == 2 && changes.contains { $0.arguments.hasPrefix(words[0] + " ") }
        guard isChange || words == ["list"] else { throw UsageError("user", forms) }
        let connection = Connection(try invocation.configuration.database)
        let users = UserAdministration(
            on: connection, passwords: try PasswordHasher.alone, welcome: try invocation.configuration.welcome)
        if isChange {
            try change(words[1], by: words[0], users, invocation)
        } else {
            try users.list { print($0) }
        }
        // The change is committed. If sealing its audit entry fails now, a later command or request seals it.
        _ = try? AuditLog.seal(on: connection)
    }

    /// Carries out one change, and prints a line that says what was done.
    private static func change(
        _ name: String, by word: String, _ users: UserAdministration, _ invocation: Invocation
    ) throws {
        switch word {
        case "add":
            let isAdmin = invocation.arguments.contains("--admin")
            try users.add(name, password: try password(), isAdmin: isAdmin)
            print("created the \(isAdmin ? "admin" : "user") \(name)")
        case "disable":
            try users.disable(name)
            print("disabled the user \(name)")
        case "enable":
            try users.enable(name)
            print("enabled the user \(name)")
        case "reset-password":
            try users.resetPassword(of: name, to: try password())
            print("set the password of the user \(name), and ended the user's sessions and API keys")
        case "remove-factor":
            try users.removeFactor(of: name)
            print("removed the second factor of the user \(name)")
        case "grant-admin":
            try users.grantAdmin(name)
            print("made the user \(name) an admin")
        default: throw UsageError("user", forms)
        }
    }

    private static func password() throws -> String {
        guard let password = Terminal.readSecret(prompt: "Password: ") else {
            throw Refusal(description: "no password on standard input")
        }
        return password
    }
}
