import Glibc
import System
import TestSupport
import Testing

@testable import flow_manager

/// The program refuses to start with settings that are missing, weak or readable by other users. The message names the
/// setting and does not contain the value.
@Suite struct StartRefusalTests {
    /// Valid settings for the supervisor and the responders. Nothing they name is used before all settings are read.
    private static let validSettings = [
        "CONFIG_TYPE": "production", "DATABASE_URL": "postgresql://app@127.0.0.1:1/flows",
        "JWT_SECRET_KEY": "a-good-key-of-the-tokens-0123456789", "FLOW_GATE": "a-good-gate-of-the-tests-0123456789",
        "SEALING_KEY": "a-good-key-that-seals-0123456789-xyz", "SOCKET": "/nonexistent/fastcgi.sock",
        "STATE_DIR": Environment.current["TEST_FOLDER"] ?? "/tmp",
    ]
    private static let weakKey = String(repeating: "canary", count: 8)
    private static let invalidURL = "postgresql://u:canary@[::1/x"

    @Test(
        arguments: [
            ("DATABASE_URL", "", "must be set"), ("DATABASE_URL", invalidURL, "is not a valid Postgres URL"),
            ("AWS_PGSQL_PATH", invalidURL, "is not a valid Postgres URL"),
            ("DB_PREPARE", "canary", "must be on or off"), ("CONFIG_TYPE", "canary", "must be demo or production"),
            ("JWT_SECRET_KEY", "", "must be set"), ("JWT_SECRET_KEY", "canary", "must have at least 32 bytes"),
            ("JWT_SECRET_KEY", weakKey, "is too easy to guess"),
            ("JWT_PREVIOUS_SECRET_KEY", "canary", "must have at least 32 bytes"),
            ("JWT_PREVIOUS_SECRET_KEY", weakKey, "is too easy to guess"),
            ("SEALING_KEY", "canary", "must have at least 32 bytes"), ("SEALING_KEY", weakKey, "is too easy to guess"),
            ("SEALING_PREVIOUS_KEY", "canary", "must have at least 32 bytes"),
            ("SEALING_PREVIOUS_KEY", weakKey, "is too easy to guess"),
            ("FLOW_GATE", "canary", "must have at least 32 bytes"), ("FLOW_GATE", weakKey, "is too easy to guess"),
            ("THREADS", "canary", "must be a number from 1 to 64"), ("LOGIN_THROTTLE", "canary", "must be on or off"),
            ("LOGIN_CREATES_ACCOUNT", "canary", "must be on or off"),
        ])
    func supervisorAndResponderNameTheSetting(setting: String, value: String, reason: String) throws {
        var environment = Self.validSettings.merging([setting: value]) { $1 }
        if setting == "AWS_PGSQL_PATH" { environment["DATABASE_URL"] = nil }
        // A setting with two names is reported by its first name.
        let name = setting == "AWS_PGSQL_PATH" ? "DATABASE_URL" : setting
        for command in ["serve", "respond"] {
            try expectRefusal(of: [command], environment, "flow-manager \(command): \(name) \(reason)")
        }
    }

    /// Each of its children would be refused at its start otherwise, over and over.
    @Test func supervisorRefusesWhatAnyOfItsProcessesWould() throws {
        let strict = Settings.all.map(\.name).filter { name in
            let setting = Settings.all.first { $0.name == name }
            return (try? setting?.validate("canary", isDemo: { false })) == nil && name != "CONFIG_TYPE"
        }
        #expect(strict.count > 30)
        let invalid = Dictionary(uniqueKeysWithValues: strict.map { ($0, "canary") })
        let result = try Stack.command(["serve"], environment: Self.validSettings.merging(invalid) { $1 })
        #expect(result.status == 1 && !result.output.contains("canary"), "\(result.output)")
        let lines = result.output.split(separator: "\n")
        for name in strict {
            #expect(lines.count { $0.hasPrefix("flow-manager serve: \(name) must ") } == 1, "\(name): \(lines)")
        }
    }

    @Test(arguments: ["10.0.0.0/33", "::ffff:127.0.0.1", "127.0.0.1:9000", "10.0.0.1/8"])
    func supervisorRefusesAddressesThatAreNone(text: String) throws {
        let environment = Self.validSettings.merging(["SOCKET_ALLOW": text]) { $1 }
        for command in ["serve", "config"] {
            let result = try Stack.command([command], environment: environment)
            #expect(result.status == 1)
            let reason = "flow-manager \(command): SOCKET_ALLOW must be comma-separated addresses like 10.0.0.0/8"
            #expect(result.output.contains(reason), "\(result.output)")
        }
    }

    @Test func aLogThatCannotBeOpenedIsNamed() throws {
        let environment = Self.validSettings.merging(["LOG_FILE": "/nonexistent/log"]) { $1 }
        for command in ["serve", "work"] {
            try expectRefusal(
                of: [command], environment, "flow-manager \(command): LOG_FILE cannot be appended to (open")
        }
    }

    /// The folder of programs, their user, and what keeps them from reading the settings.
    @Test func programsMustBeConfined() throws {
        let programs = try TemporaryPrograms()
        func expect(_ settings: [String: String], _ reason: String) throws {
            let environment = Self.validSettings.merging(["EXEC_DIR": programs.path]) { $1 }.merging(settings) { $1 }
            for command in ["serve", "work"] {
                try expectRefusal(of: [command], environment, "flow-manager \(command): \(reason)")
            }
        }
        try expect(["EXEC_DIR": "/nonexistent"], "EXEC_DIR does not exist")
        try expect(["EXEC_DIR": "programs"], "EXEC_DIR must be an absolute path")
        try expect(["EXEC_USER": "no-such-user"], "EXEC_USER names no user of this machine")
        try expect(
            ["EXEC_USER": "root"], getuid() == 0 ? "EXEC_USER must not be root" : "EXEC_USER needs a start as root")
        #expect(unsafe chmod(programs.path, 0o777) == 0)
        try expect([:], "EXEC_DIR can be changed by other users: run chmod go-w \(programs.path)")
        #expect(unsafe chmod(programs.path, 0o700) == 0)
        guard getuid() == 0 else { return }
        try expect([:], "EXEC_DIR is closed to the user that runs the programs: run chmod a+x \(programs.path)")
    }

    /// Without a user of their own, only Landlock keeps programs from the settings.
    @Test(.enabled(if: getuid() == 0)) func settingsMustNotBeWhereProgramsRead() throws {
        let programs = try TemporaryPrograms()
        try programs.write("settings", Self.validSettings.map { "\($0)=\($1)\n" }.joined(), mode: 0o600)
        for path in ["", "/settings"] { #expect(unsafe chown(programs.path + path, 65_533, 65_533) == 0) }
        let result = try Stack.command(
            [
                "--reuid=65533", "--regid=65533", "--clear-groups", Stack.executable, "serve", "--env-file",
                programs.path + "/settings",
            ], of: "/usr/bin/setpriv", environment: ["EXEC_DIR": programs.path])
        let reason = "EXEC_DIR cannot be used: programs could read \(programs.path)/settings. Move it, or set EXEC_USER"
        #expect(result.status == 1 && result.output == "flow-manager serve: \(reason)\n")
    }

    @Test func supervisorNeedsAGate() throws {
        let environment = Self.validSettings.merging(["FLOW_GATE": ""]) { $1 }
        try expectRefusal(of: ["serve"], environment, "flow-manager serve: FLOW_GATE must be set")
    }

    @Test func previousSealingKeyNeedsACurrentOne() throws {
        let previous = "canary-of-a-key-that-sealed-0123456789"
        let environment = Self.validSettings.merging(["SEALING_KEY": "", "SEALING_PREVIOUS_KEY": previous]) { $1 }
        for command in ["serve", "respond"] {
            try expectRefusal(
                of: [command], environment,
                "flow-manager \(command): SEALING_KEY must be set if SEALING_PREVIOUS_KEY is set")
        }
    }

    @Test(arguments: [["migrate"], ["user", "list"], ["keys", "list"], ["prune"], ["seed-demo"]])
    func commandsNameTheDatabase(arguments: [String]) throws {
        let demo = Self.validSettings.merging(["CONFIG_TYPE": "demo"]) { $1 }
        for (value, reason) in [("", "must be set"), (Self.invalidURL, "is not a valid Postgres URL")] {
            try expectRefusal(
                of: arguments, demo.merging(["DATABASE_URL": value]) { $1 },
                "flow-manager \(arguments[0]): DATABASE_URL \(reason)")
        }
        let migration = demo.merging(["MIGRATION_DATABASE_URL": Self.invalidURL]) { $1 }
        if arguments == ["migrate"] {
            try expectRefusal(
                of: arguments, migration, "flow-manager migrate: MIGRATION_DATABASE_URL is not a valid Postgres URL")
        }
    }

    /// `prune --dry-run` must not delete anything.
    @Test(arguments: ["serve", "migrate", "seed-demo", "prune", "config", "nginx", "version", "openapi", "postman"])
    func commandsWithoutArgumentsRefuseThem(command: String) throws {
        let result = try Stack.command([command, "--dry-run"], environment: Self.validSettings)
        #expect(result.status == 2)
        #expect(result.output == "flow-manager \(command): unknown argument '--dry-run'\n")
    }

    @Test(arguments: ["user", "keys", "audit", "ledger"])
    func commandsCheckTheirArgumentsBeforeTheSettings(command: String) throws {
        let result = try Stack.command([command, "prnt"], environment: ["DATABASE_URL": ""])
        #expect(result.status == 2 && result.output.contains("usage: "), "\(result.output)")
    }

    @Test func supervisorWarnsOfUnknownNamesInTheSettingsFile() throws {
        let file = "/tmp/" + unique("settings")
        defer { try? run("/bin/rm", ["-f", file], [:]) }
        let descriptor = try Files.openToAppend(file)
        Files.write(Array("THREDS=8\nTHREADS=2\n".utf8), to: descriptor)
        close(descriptor)
        let environment = Self.validSettings.merging(["FLOW_MANAGER_ENV": file]) { $1 }
        let result = try Stack.command(["serve"], environment: environment)
        #expect(result.output.contains(#""event":"settings-unknown""#), "\(result.output)")
        #expect(result.output.contains(#""names":"THREDS""#), "\(result.output)")
    }

    /// Each command refuses a settings file that its group or other users can access.
    @Test(arguments: [0o644, 0o640, 0o604, 0o660, 0o606, 0o666, 0o777, 0o620] as [mode_t])
    func commandsRefuseAFileAccessibleToOtherUsers(mode: mode_t) throws {
        let folder = "/tmp/" + unique("settings")
        try run("/bin/mkdir", ["-m", "700", folder], [:])
        defer { try? run("/bin/rm", ["-rf", folder], [:]) }
        let file = folder + "/.env"
        let descriptor = try Files.openToAppend(file)
        Files.write(Array("JWT_SECRET_KEY=canary\nDB_PASSWORD=canary\n".utf8), to: descriptor)
        close(descriptor)
        #expect(unsafe chmod(file, mode) == 0)
        let commands = [
            ["serve"], ["respond"], ["work"], ["migrate"], ["seed-demo"], ["user", "list"], ["keys", "list"], ["prune"],
            ["config"], ["openapi"], ["postman"],
        ]
        for command in commands {
            let message = "flow-manager \(command[0]): \(file) is accessible to other users; run chmod 600 on it\n"
            try expectRefusal(of: command + ["--env-file", file], Self.validSettings, message)
            try expectRefusal(of: command, Self.validSettings.merging(["FLOW_MANAGER_ENV": file]) { $1 }, message)
        }
        let inFolder = try Stack.command(
            ["-c", "cd \(folder) && exec \(Stack.executable) config"], of: "/bin/sh", environment: Self.validSettings)
        #expect(inFolder.status == 1)
        #expect(inFolder.output == "flow-manager config: .env is accessible to other users; run chmod 600 on it\n")
    }

    private func expectRefusal(
        of arguments: [String], _ environment: [String: String], _ message: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try Stack.command(arguments, environment: environment)
        #expect(result.status == 1, sourceLocation: sourceLocation)
        #expect(result.output.hasPrefix(message), "\(result.output)", sourceLocation: sourceLocation)
        #expect(!result.output.contains("canary"), sourceLocation: sourceLocation)
        #expect(result.output.split(separator: "\n").count == 1, "\(result.output)", sourceLocation: sourceLocation)
    }
}
