import App
import Postgres

/// `keys`: the keys that sign and seal, while the program serves.
enum KeysCommand {
    static let usage = "list | rotate jwt [--force] | reseal"

    static func run(_ invocation: Invocation) throws {
        let configuration = invocation.configuration
        let keys = KeyAdministration(
            on: Connection(try configuration.database), tokenKeys: try configuration.tokenKeys,
            sealingKeys: try configuration.sealingKeys)
        switch invocation.words(flags: ["--force"]) {
        case ["list"]: try keys.list { print($0) }
        case ["rotate", "jwt"]: print(try keys.rotateTokenKey(isForced: invocation.arguments.contains("--force")))
        case ["reseal"]: try keys.reseal { print($0) }
        default: throw UsageError("keys \(usage)")
        }
    }
}
