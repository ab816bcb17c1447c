import Glibc
import JSON
import Postgres
import System
import TestSupport
import Testing

/// Processes without a supervisor, as a web server and cron start them on hosts where nothing may stay running.
@Suite struct SharedHostTests {
    private let folder: String

    init() throws {
        var template = Array("\(Environment.current["TEST_FOLDER"] ?? "/tmp")/shared.XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The settings of a host with that database.
    private func settings(_ database: TestDatabase) -> [String: String] {
        [
            "CONFIG_TYPE": "production", "DATABASE_URL": database.owner.connectionString,
            "JWT_SECRET_KEY": Stack.tokenSecret, "STATE_DIR": folder, "RATE_LIMIT_RUN": "off",
            "LOG_FILE": folder + "/log", "PATH": Environment.current["PATH"] ?? "",
        ]
    }

    private var log: String {
        (try? Files.read(folder + "/log")).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// One call as CGI: the status line and headers, and the body.
    private func call(
        _ method: String, _ target: String, with settings: [String: String], body: JSON? = nil, token: String? = nil
    ) throws -> (status: String, body: JSON) {
        let text = body.map(\.text) ?? ""
        var environment = settings.merging([
            "REQUEST_METHOD": method, "REQUEST_URI": target, "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "\(text.utf8.count)",
        ]) { $1 }
        environment["HTTP_AUTHORIZATION"] = token.map { "Bearer \($0)" }
        let output = try Stack.command(["respond"], environment: environment, input: text).output
        let parts = output.split(separator: "\r\n\r\n", maxSplits: 1)
        let status = parts.first?.split(separator: "\r\n").first { $0.hasPrefix("Status: ") }
        return (String(status?.dropFirst(8).prefix(3) ?? ""), try JSON(parsing: Array((parts.last ?? "").utf8)))
    }

    @Test func firstProcessMigratesAndCreatesTheAdmin() throws {
        defer { try? run("/bin/rm", ["-rf", folder], [:]) }
        let database = try TestDatabase.make(isMigrated: false)
        var settings = settings(database)
        #expect(try call("GET", "/ready", with: settings).status == "503")
        settings.merge([
            "AUTO_MIGRATE": "on", "ADMIN_EMAIL": "first@example.org", "ADMIN_PASSWORD": "an unusual password",
        ]) { $1 }
        #expect(try call("GET", "/ready", with: settings).status == "200")
        let login: JSON = ["email": "first@example.org", "password": "an unusual password"]
        #expect(try call("POST", "/login", with: settings, body: login).status == "200")
        // Once for all processes.
        #expect(log.split(separator: "\n").count { $0.contains("the schema is up to date") } == 1)
    }

    @Test func processesThatCannotMigrateServe() throws {
        defer { try? run("/bin/rm", ["-rf", folder], [:]) }
        let database = try TestDatabase.make(isMigrated: false)
        let settings = settings(database).merging([
            "AUTO_MIGRATE": "on", "MIGRATION_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/flows?sslmode=disable",
        ]) { $1 }
        #expect(try call("GET", "/health", with: settings).status == "200")
        #expect(try call("GET", "/ready", with: settings).status == "503")
        #expect(log.split(separator: "\n").count { $0.contains("not-migrated") } == 2)
    }

    /// Without any worker.
    @Test func callThatWaitsExecutesItsRun() throws {
        defer { try? run("/bin/rm", ["-rf", folder], [:]) }
        let database = try TestDatabase.make()
        let settings = settings(database).merging(["CONFIG_TYPE": "demo", "LOGIN_CREATES_ACCOUNT": "on"]) { $1 }
        let account: JSON = ["email": "a@example.org", "password": "lasting impression"]
        let login = try call("POST", "/login", with: settings, body: account)
        let token = try #require(login.body["token"]?.stringValue)
        let flow: JSON = [
            "flow": [
                "id": "f", "name": "Pause", "start_task": "pause",
                "tasks": [["name": "pause", "type": "wait", "input": ["seconds": 0.1]]],
            ]
        ]
        let answer = try call("POST", "/flow-manager", with: settings, body: flow, token: token)
        #expect(answer.status == "200")
        #expect(answer.body["status"] == "completed", "\(answer.body.text)")
        // Nothing is left that another process would have to rescue, or to notify.
        let connection = database.connect()
        #expect(try connection.query("SELECT FROM queue").isEmpty)
        #expect(try connection.query("SELECT FROM idle_workers").isEmpty)
    }

    /// As the scripts of `make bundle` do, because the C library of the host may be too old.
    @Test func dynamicLoaderStartsTheProgram() throws {
        defer { try? run("/bin/rm", ["-rf", folder], [:]) }
        let loader = try #require(
            ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].first { Files.exists($0) })
        let script = folder + "/flow-manager"
        let file = try Files.openToAppend(script)
        let lines = "#!/bin/sh\nexec \(loader) --argv0 \"$0\" \(Stack.executable) \"$@\"\n"
        Files.write(Array(lines.utf8), to: file)
        close(file)
        #expect(unsafe chmod(script, 0o700) == 0)
        try Files.create(folder + "/flow-manager.env")
        let result = try Stack.command(
            ["config"], of: script, environment: ["PATH": Environment.current["PATH"] ?? ""])
        // Beside the script, because that is the program's path.
        #expect(result.output.contains("# settings file: \(folder)/flow-manager.env\n"), "\(result.output)")
    }
}
