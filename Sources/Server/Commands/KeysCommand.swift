import App
import Postgres

/// `keys`: manages the keys that sign tokens and encrypt secrets. The server may be running.
enum KeysCommand {
    static let forms = [
        CommandForm(arguments: "list", summary: "List the keys and their states"),
        CommandForm(arguments: "rotate jwt [--force]", summary: "Add a signing key; --force ends valid tokens"),
        CommandForm(arguments: "reseal", summary: "Encrypt all secrets with the current key"),
    ]

    static func run(_ invocation: Invocation) throws {
        let configuration = invocation.configuration
        let keys = KeyAdministration(
            on: Connection(try configuration.database), tokenKeys: try configuration.tokenKeys,
            sealingKeys: try configuration.sealingKeys)
        switch invocation.words(flags: ["--force"]) {
        case ["list"]: try keys.list { print($0) }
        case ["rotate", "jwt"]: print(try keys.rotateTokenKey(isForced: invocation.arguments.contains("--force")))
        case ["reseal"]: try keys.reseal { print($0) }
        default: throw UsageError("keys", forms)
        }
    }
}
