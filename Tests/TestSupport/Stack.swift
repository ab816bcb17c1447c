import Glibc
import HTTP
import Postgres
import System

/// A complete deployment with its own ports and data: nginx, supervisor, responders, Postgres.
///
/// Its processes end with this object or with the test process, whichever ends first: see `Lifeline`.
package final class Stack: Sendable {
    /// Shared by all tests that need no settings of their own. Each test creates its own users.
    package static let shared = Result { try Stack() }

    package let database: TestDatabase
    package let client: HTTPClient
    package let httpsPort: UInt16
    /// The FastCGI socket, for requests to the responders without nginx.
    package let socket: String
    package let gate: String
    package let folder: String
    /// The environment of supervisor and responders, for other commands of the program.
    package let environment: [String: String]
    private let lifeline: Lifeline
    private let children: [ChildProcess]

    /// Starts the processes and returns when they serve.
    ///
    /// - Parameters:
    ///   - settings: added to the settings of every stack.
    ///   - isInFile: whether the settings are in a file, with only its path and the socket in the environment.
    package init(settings: [String: String] = [:], isInFile: Bool = false) throws {
        database = try TestDatabase.make()
        folder = try Stack.makeFolder()
        let (port, httpsPort) = (try freePort(), try freePort())
        self.httpsPort = httpsPort
        client = HTTPClient(port: port)
        lifeline = try Lifeline()
        var environment = Environment.current
        environment.merge([
            "CONFIG_TYPE": "demo", "LOGIN_CREATES_ACCOUNT": "off", "LOGIN_THROTTLE": "off",
            "DATABASE_URL": database.application.connectionString,
            "MIGRATION_DATABASE_URL": database.owner.connectionString,
            "JWT_SECRET_KEY": Stack.tokenSecret, "PORT": String(port), "HTTPS_PORT": String(httpsPort),
            "RATE_LIMIT": "off", "RATE_LIMIT_READ": "off", "RATE_LIMIT_WRITE": "off", "RATE_LIMIT_RUN": "off",
            "SLOW_REQUEST": "off", "LOG_FILE": folder + "/flow-manager.log",
        ]) { $1 }
        environment.merge(settings) { $1 }
        try run(Stack.root + "/scripts/stand", [folder], environment.merging(["BINARY": Stack.executable]) { $1 })
        environment.merge(try Stack.settings(in: folder + "/flow-manager.env")) { $1 }
        self.environment = environment
        socket = environment["SOCKET"] ?? ""
        gate = environment["FLOW_GATE"] ?? ""
        try run(Stack.executable, ["seed-demo"], environment)
        // As root, nginx would start its workers as another user, which the socket rejects.
        let user = getuid() == 0 ? ["-g", "user root;"] : []
        let variables = isInFile ? try Stack.writeSettings(environment, to: folder + "/flow-manager.env") : environment
        let supervisor = try Stack.start([Stack.executable, "serve"], variables, lifeline)
        let nginx = try Stack.start(
            ["/usr/sbin/nginx", "-e", folder + "/nginx.log", "-c", folder + "/nginx/conf/nginx.conf"] + user, variables,
            lifeline)
        children = [supervisor, nginx]
        // The responders first: nginx logs each attempt to reach a missing socket.
        try waitForLog { log.contains("all-ready") }
        try wait { try client.send("GET", "/ready").status == 200 }
    }

    deinit {
        lifeline.cut()
        for child in children { _ = child.wait() }
        try? run("/bin/rm", ["-rf", folder], [:])
    }

    /// The value of `JWT_SECRET_KEY`, for tests that forge tokens.
    package static let tokenSecret = "secret-of-the-tests-0123456789-abcdef"

    /// The current log of supervisor and responders.
    package var log: String { text(of: "flow-manager.log") }

    /// The current log of nginx's requests.
    package var accessLog: String { text(of: "nginx/access.log") }

    /// The current logs of all processes.
    package var logs: String {
        ["flow-manager.log", "nginx/access.log", "nginx/error.log", "nginx.log"].map(text(of:)).joined()
    }

    private func text(of file: String) -> String {
        (try? Files.read("\(folder)/\(file)", limit: 64 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The processes of this stack, of the program and of nginx, from proc(5).
    package var processes: [(id: Int32, arguments: [String], environment: [String])] {
        func strings(_ id: pid_t, _ file: String) -> [String] {
            let bytes = (try? Files.read("/proc/\(id)/\(file)")) ?? []
            return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        }
        guard let directory = unsafe opendir("/proc") else { return [] }
        defer { unsafe closedir(directory) }
        var processes: [(id: Int32, arguments: [String], environment: [String])] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let id = pid_t(name) else { continue }
            let environment = strings(id, "environ")
            guard environment.contains("SOCKET=\(socket)") else { continue }
            processes.append((id: id, arguments: strings(id, "cmdline"), environment: environment))
        }
        return processes
    }

    /// The settings that `scripts/stand` has written to a file.
    private static func settings(in path: String) throws -> [String: String] {
        let lines = String(decoding: try Files.read(path), as: UTF8.self).split(separator: "\n")
        let pairs = lines.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
        return Dictionary(uniqueKeysWithValues: pairs.map { (String($0[0]), String($0[1])) })
    }

    /// Writes the settings to a file and returns the environment that names it.
    private static func writeSettings(_ settings: [String: String], to path: String) throws -> [String: String] {
        let descriptor = try Files.openToAppend(path)
        defer { close(descriptor) }
        Files.write(Array(settings.map { "\($0)=\($1)\n" }.joined().utf8), to: descriptor)
        var environment = ["FLOW_MANAGER_ENV": path]
        for name in ["PATH", "SOCKET", "TSAN_OPTIONS"] { environment[name] = settings[name] }
        return environment
    }

    /// Returns when the condition holds, which is checked after each line that supervisor and responders log.
    package func waitForLog(until condition: () throws -> Bool) throws {
        guard try FolderWatch(folder).wait(for: 30, until: condition) else {
            throw TestFailure("not logged in time:\n\(logs)")
        }
    }

    /// Polls the condition, since nginx does not report when it listens.
    private func wait(until condition: () throws -> Bool) throws {
        for _ in 0..<1_000 {
            if (try? condition()) == true { return }
            poll(nil, 0, 20)
        }
        throw TestFailure("the stack is not ready:\n\(logs)")
    }

    private static func start(
        _ command: [String], _ environment: [String: String], _ lifeline: Lifeline
    ) throws -> ChildProcess {
        try ChildProcess.spawn(
            root + "/scripts/with-lifeline", arguments: command, environment: environment,
            descriptors: [0: lifeline.readEnd, 1: 2, 2: 2])
    }

    /// A folder with a short path: the path of a socket in it is limited to 107 bytes.
    private static func makeFolder() throws -> String {
        let parent = Environment.current["TEST_FOLDER"] ?? "/tmp"
        var template = Array("\(parent)/stack.XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The path of the checkout, derived from the path of this file.
    package static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

    /// The executable under test, built into the same folder as the tests.
    package static let executable: String = {
        let tests = executablePath(argument0: CommandLine.arguments[0]) ?? ""
        return tests.prefix(through: tests.lastIndex(of: "/") ?? tests.startIndex) + "flow-manager"
    }()
}

/// Runs a command, which must succeed.
package func run(_ executable: String, _ arguments: [String], _ environment: [String: String]) throws {
    let child = try ChildProcess.spawn(
        executable, arguments: arguments, environment: environment, descriptors: [0: 0, 1: 2, 2: 2])
    let cause = child.wait()
    guard case .exited(0) = cause else { throw TestFailure("\(executable) \(arguments): \(cause)") }
}

/// A free port of this machine.
private func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = unsafe withUnsafeMutablePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(descriptor, $0, size) | getsockname(descriptor, $0, &size)
        }
    }
    guard status == 0 else { throw TestFailure("no free port: \(errno)") }
    return UInt16(bigEndian: address.sin_port)
}

extension PostgresConfiguration {
    /// The connection string in the format of `DATABASE_URL`.
    package var connectionString: String {
        ["host", "port", "user", "password", "dbname"].compactMap { keyword in
            self[keyword].map { "\(keyword)='\($0)'" }
        }.joined(separator: " ")
    }
}
