import App
import Postgres

/// `keys`: manages the keys that sign tokens and encrypt secrets. The server may be running.
enum KeysCommand {
    static let forms = [
        CommandForm(arguments: "list", summary: "List the keys and their states"),
        CommandForm(arguments: "rotate jwt [--force]", summary: "Add a signing key; --force ends valid tokens"),
        CommandForm(arguments: "rotate credentials", summary: "Encrypt the values of credentials with the current key"),
        CommandForm(arguments: "reseal", summary: "Encrypt all secrets with the current key"),
    ]

    static func run(_ invocation: Invocation) throws {
        switch invocation.words(flags: ["--force"]) {
        case ["list"]: try administration(invocation).list { print($0) }
        case ["rotate", "jwt"]:
            let isForced = invocation.arguments.contains("--force")
            print(try administration(invocation).rotateTokenKey(isForced: isForced))
        case ["rotate", "credentials"]: try administration(invocation).resealCredentials { print($0) }
        case ["reseal"]: try administration(invocation).reseal { print($0) }
        default: throw UsageError("keys", forms)
        }
    }

    private static func administration(_ invocation: Invocation) throws -> KeyAdministration {
        let configuration = invocation.configuration
        return KeyAdministration(
            on: Connection(try configuration.database), tokenKeys: try configuration.tokenKeys,
            sealingKeys: try configuration.sealingKeys)
    }
}
