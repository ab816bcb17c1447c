import Glibc
import Postgres
import Process

/// The executable: one word says what this process is.
@main
struct FlowManager {
    /// One thing that the executable can be told to do.
    struct Command: Sendable {
        let name: String
        let summary: String
        let run: @Sendable (Invocation) throws -> Void
    }

    static let commands: [Command] = [
        Command(name: "serve", summary: "Supervise responders on one socket, and workers", run: Serve.run),
        Command(
            name: "respond", summary: "Answer FastCGI requests on descriptor 0, or one CGI request", run: Respond.run),
        Command(name: "work", summary: "Carry out what was queued: work [--once]", run: Work.run),
        Command(name: "migrate", summary: "Bring the database's schema up to date", run: Migrate.run),
        Command(name: "seed-demo", summary: "Make the demo profile's accounts", run: SeedDemo.run),
        Command(name: "user", summary: "Users: \(UserCommand.usage)", run: UserCommand.run),
        Command(name: "audit", summary: "The audit log: \(AuditCommand.usage)", run: AuditCommand.run),
        Command(
            name: "ledger", summary: "The books of credits: \(LedgerCommand.usage)", run: LedgerCommand.run),
        Command(name: "keys", summary: "Keys that sign and seal: \(KeysCommand.usage)", run: KeysCommand.run),
        Command(name: "prune", summary: "Remove what has expired", run: Prune.run),
        Command(name: "config", summary: "Print the settings in force, without secrets", run: PrintConfiguration.run),
        Command(name: "openapi", summary: "Print the interface as an OpenAPI document", run: PrintOpenAPI.run),
    ]

    static func main() {
        // Before anything opens a file: what a daemon starter left closed must not become a socket.
        fillStandardDescriptors()
        let arguments = CommandLine.arguments.dropFirst()
        guard let command = commands.first(where: { $0.name == arguments.first }) else {
            printUsage()
            exit(arguments.isEmpty || arguments.first == "help" ? 0 : 2)
        }
        do {
            try command.run(try Invocation(arguments: Array(arguments.dropFirst())))
        } catch {
            // Of the database also what its library says, which is for the operator and for nobody else.
            let reason = (error as? PostgresError)?.debugDescription ?? "\(error)"
            Files.write(Array("flow-manager \(command.name): \(reason)\n".utf8), to: 2)
            exit(1)
        }
    }

    private static func printUsage() {
        print("usage: flow-manager COMMAND [--env-file PATH]\n")
        for command in commands {
            print("  " + command.name.padded(to: 12) + command.summary)
        }
    }
}

/// What a command was started with.
struct Invocation {
    let arguments: [String]
    let environment: [String: String]
    let configuration: Configuration
    /// The path of this executable.
    let executable: String

    init(arguments: [String]) throws {
        self.arguments = arguments
        environment = Environment.current
        executable = executablePath(argument0: CommandLine.arguments.first ?? "") ?? "flow-manager"
        let path = Invocation.value(of: "--env-file", in: arguments)
        let file = try SettingsFile.load(named: path, environment: environment, executable: executable)
        configuration = Configuration(environment: environment, file: file)
    }

    /// The argument after that one.
    static func value(of option: String, in arguments: [String]) -> String? {
        arguments.firstIndex(of: option).map { $0 + 1 }.flatMap { $0 < arguments.count ? arguments[$0] : nil }
    }

    /// The arguments that are none of these flags, and neither `--env-file`, one of these options nor their values.
    func words(options: [String] = [], flags: [String] = []) -> [String] {
        var words: [String] = []
        var arguments = arguments.makeIterator()
        while let argument = arguments.next() {
            if argument == "--env-file" || options.contains(argument) {
                _ = arguments.next()
            } else if !flags.contains(argument) {
                words.append(argument)
            }
        }
        return words
    }
}

/// How a command is to be called that was called otherwise.
struct UsageError: Error, CustomStringConvertible {
    let description: String

    init(_ usage: String) { description = "usage: flow-manager \(usage)" }
}

extension String {
    /// The text with spaces after it up to that width.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
