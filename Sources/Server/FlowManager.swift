import Glibc
import Postgres
import Programs
import System

/// The executable. Its first argument names the command to run.
@main
struct FlowManager {
    struct Command: Sendable {
        let name: String
        let summary: String
        /// Empty for a command without arguments.
        var forms: [CommandForm] = []
        let run: @Sendable (Invocation) throws -> Void
    }

    static let commands: [Command] = [
        Command(name: "serve", summary: "Start the supervisor, which starts responders and workers", run: Serve.run),
        Command(
            name: "respond", summary: "Answer FastCGI requests on descriptor 0, or one CGI request", run: Respond.run),
        Command(name: "work", summary: "Execute queued runs", forms: Work.forms, run: Work.run),
        Command(
            name: "status", summary: "Print what the pool does, even while it answers no call",
            forms: StatusCommand.forms, run: StatusCommand.run),
        Command(
            name: "doctor", summary: "Ask the deployed site, and say what to change", forms: DoctorCommand.forms,
            run: DoctorCommand.run),
        Command(name: "migrate", summary: "Migrate the database schema and create the first admin", run: Migrate.run),
        Command(name: "seed-demo", summary: "Create the accounts of the demo profile", run: SeedDemo.run),
        Command(
            name: "user", summary: "Manage users; passwords are read from standard input", forms: UserCommand.forms,
            run: UserCommand.run),
        Command(name: "audit", summary: "Verify the audit log", forms: AuditCommand.forms, run: AuditCommand.run),
        Command(
            name: "ledger", summary: "Verify the ledger of credits", forms: LedgerCommand.forms,
            run: LedgerCommand.run),
        Command(
            name: "keys", summary: "Manage the keys that sign tokens and encrypt secrets", forms: KeysCommand.forms,
            run: KeysCommand.run),
        Command(name: "prune", summary: "Delete expired rows from the database", run: Prune.run),
        Command(name: "config", summary: "Print the effective settings, without secrets", run: PrintConfiguration.run),
        Command(
            name: "nginx",
            summary: "Print what nginx has to know: the longest body, its own errors, and who may read /metrics",
            run: PrintNginxSettings.run),
        Command(
            name: "jsonpath", summary: "Evaluate a JSONPath query (RFC 9535) on a JSON document",
            forms: JSONPathCommand.forms, run: JSONPathCommand.run),
        Command(name: "version", summary: "Print the version", run: PrintVersion.run),
        Command(name: "openapi", summary: "Print the OpenAPI document", run: PrintOpenAPI.run),
        Command(name: "postman", summary: "Print the Postman collection", run: PrintPostman.run),
    ]

    static func main() {
        // Must be first: a standard descriptor that the parent left closed must not be reused for a socket or file.
        fillStandardDescriptors()
        // A web server passes the words of a query to a CGI program as arguments (RFC 3875, section 4.4): a client must
        // not choose the command with them, nor the settings file.
        let isCGI = Environment.current["GATEWAY_INTERFACE"]?.isEmpty == false
        let arguments = isCGI ? ["respond"] : CommandLine.arguments.dropFirst()
        // It reads no settings, which hold secrets: it runs beside a program that must not see them.
        if Array(arguments) == [Stage.command] { exit(Stage.run()) }
        guard let name = arguments.first, !["help", "--help", "-h"].contains(name) else {
            printHelp()
            exit(0)
        }
        guard let command = commands.first(where: { $0.name == name }) else {
            let message = "flow-manager: unknown command '\(name)'; run 'flow-manager help' for a list of commands\n"
            Files.write(Array(message.utf8), to: 2)
            exit(2)
        }
        do {
            let invocation = try Invocation(arguments: Array(arguments.dropFirst()))
            if command.forms.isEmpty, let unknown = invocation.words().first {
                let message = "flow-manager \(command.name): unknown argument '\(unknown)'\n"
                Files.write(Array(message.utf8), to: 2)
                exit(2)
            }
            try command.run(invocation)
        } catch {
            // The operator sees the database's own message too; clients never do.
            let reason = (error as? PostgresError)?.debugDescription ?? "\(error)"
            Files.write(Array("flow-manager \(command.name): \(reason)\n".utf8), to: 2)
            exit(error is InvalidArgument || error is UsageError ? 2 : 1)
        }
    }

    private static func printHelp() {
        print("usage: flow-manager COMMAND [ARGUMENT...] [--env-file PATH]\n\nCommands:")
        for command in commands {
            print("  " + command.name.padded(to: 12) + command.summary)
            for form in command.forms {
                print("    " + form.arguments.padded(to: 30) + form.summary)
            }
        }
        print(
            """

            Settings come from the environment and from one file of NAME=value lines; the
            environment takes precedence. The file is the first of these that is given or
            exists:
              --env-file PATH
              the path in the environment variable FLOW_MANAGER_ENV
              flow-manager.env in the directory of the executable
              .env in the working directory
            Run 'flow-manager config' to print the effective settings.

            Exit status: 0 on success, 1 on failure, 2 if the command or an argument is unknown
            or a query is not valid.
            """)
    }
}

/// One way to call a command: the arguments after its name, as the help and usage texts show them.
struct CommandForm: Sendable {
    let arguments: String
    let summary: String
}

/// The arguments and settings of a command.
struct Invocation {
    let arguments: [String]
    let environment: [String: String]
    let configuration: Configuration
    /// The path of the settings file that was read; nil without one.
    let settingsFile: String?
    /// Names in that file that no setting has.
    let unknownSettings: [String]
    /// The path of this executable.
    let executable: String

    init(arguments: [String]) throws {
        self.arguments = arguments
        environment = Self.withoutHeaders(Environment.current)
        executable = executablePath(argument0: CommandLine.arguments.first ?? "") ?? "flow-manager"
        let path = Invocation.value(of: "--env-file", in: arguments)
        let file = try SettingsFile.load(named: path, environment: environment, executable: executable)
        settingsFile = file.path
        configuration = Configuration(environment: environment, file: file.values)
        let known = Set(Settings.all.flatMap { [$0.name, $0.otherName].compactMap(\.self) })
        unknownSettings = file.values.keys.filter { !known.contains($0) }.sorted()
    }

    /// The environment of a CGI program has the client's headers as `HTTP_…` (RFC 3875, section 4.1.18), which must not
    /// be taken for settings such as `HTTP_ALLOW_ADDRESSES`. They remain in the call itself.
    private static func withoutHeaders(_ environment: [String: String]) -> [String: String] {
        guard environment["GATEWAY_INTERFACE"]?.isEmpty == false else { return environment }
        return environment.filter { !$0.key.hasPrefix("HTTP_") }
    }

    /// The argument that follows `option`; nil if there is none.
    static func value(of option: String, in arguments: [String]) -> String? {
        arguments.firstIndex(of: option).map { $0 + 1 }.flatMap { $0 < arguments.count ? arguments[$0] : nil }
    }

    /// The arguments without these flags, and without `--env-file` and these options and their values.
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

/// The command's arguments are not valid; the description shows the valid ones. The exit status is 2.
struct UsageError: Error, CustomStringConvertible {
    let description: String

    init(_ command: String, _ forms: [CommandForm]) {
        description =
            "usage: "
            + forms.map { "flow-manager \(command) \($0.arguments)" }.joined(separator: "\n   or: ")
    }
}

/// An argument has the right place, but its content is not valid. The exit status is 2.
struct InvalidArgument: Error, CustomStringConvertible {
    let description: String
}

extension String {
    /// The text, padded with spaces to `width`; at least one space follows it.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
