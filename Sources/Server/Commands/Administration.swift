import App
import Flows
import Crypto
import HTTP
import JSON
import Migrations
import Postgres
import SharedMemory
import System

/// `migrate`: applies pending migrations, grants the application role its rights, and creates the first admin.
enum Migrate {
    static func run(_ invocation: Invocation) throws {
        try carryOut(invocation.configuration) { print($0) }
    }

    /// - Parameter report: takes a sentence for each thing that was done.
    static func carryOut(_ configuration: Configuration, _ report: (String) -> Void) throws {
        let owner = try configuration.migrationDatabase
        let connection = Connection(owner.forMigrations)
        let migrator = Migrator()
        try migrator.migrate(connection) { event in
            switch event {
            case .waiting: report("waiting for another migration to finish")
            case .applying: break
            case .rolledBack(let migration, let attempt):
                report("\(migration.label) could not get its locks, attempt \(attempt)")
            case .applied(let migration): report("applied \(migration.label)")
            }
        }
        if let role = try configuration.database["user"], role != owner["user"] {
            try migrator.grant(to: role, connection)
        }
        report("the schema is up to date")
        try makeFirstAdmin(configuration, report)
    }

    private static func makeFirstAdmin(_ configuration: Configuration, _ report: (String) -> Void) throws {
        guard let email = try configuration.adminEmail else { return }
        let users = UserAdministration(
            on: Connection(try configuration.database), passwords: try PasswordHasher.alone,
            welcome: try configuration.welcome)
        do {
            let isNew = try users.addFirstAdmin(email) { try configuration.adminPassword }
            report(isNew ? "created the account of ADMIN_EMAIL" : "ADMIN_EMAIL is or was in use; no account created")
        } catch let refusal as Refusal {
            throw ConfigurationError(
                setting: "ADMIN_EMAIL and ADMIN_PASSWORD", reason: "are not valid: \(refusal.description)")
        }
    }
}

extension PasswordHasher {
    /// For a command, which hashes one password at a time and shares no slots with other processes.
    static var alone: PasswordHasher {
        get throws { PasswordHasher(slots: HashingSlots(Slots(in: try SharedMemory(), limit: 1), waiting: 0)) }
    }
}

/// `seed-demo`: creates the accounts that the documentation names. Fails outside the demo profile.
enum SeedDemo {
    static func run(_ invocation: Invocation) throws {
        let configuration = invocation.configuration
        guard try configuration.isDemo else {
            throw ConfigurationError(
                \.configType, "must be demo: demo accounts exist in the demo profile only")
        }
        try DemoProfile.seed(
            clientPassword: configuration.clientPassword, adminPassword: configuration.adminPassword,
            passwords: try PasswordHasher.alone, welcome: try configuration.welcome,
            on: Connection(try configuration.database))
        print("the demo accounts are ready")
    }
}

/// `prune`: deletes expired rows and prints how many from which table, then removes what deleted accounts had, ends runs
/// that have lasted too long, drops the history that is older than `RETENTION`, folds the counters of storage and names
/// the flows of old runs: for hosts on which no worker stays running.
enum Prune {
    static func run(_ invocation: Invocation) throws {
        var database = try invocation.configuration.database
        // The months that were missed may have many rows, and so may what is dropped.
        (database.statementTimeout, database.answerTimeout) = (nil, nil)
        let connection = Connection(database)
        try Pruning.run(on: connection) { table, rows in
            print(table.padded(to: 20) + String(rows))
        }
        let limits = try invocation.configuration.runLimits
        let engine = Engine(catalog: Tasks.makeCatalog(), limits: limits) { event in
            if case .historyDropped(let month) = event { print("history".padded(to: 20) + month) }
        }
        while try AccountEnd.endSomeRuns(by: engine, on: connection) {}
        while try engine.expireRuns(on: connection) {}
        var history = History.Pass(readsAll: true)
        while try history.advance(by: engine, on: connection) {}
        while try AccountRemoval.removeSome(on: connection) {}
        let storage = limits.storage
        while try storage.fold(on: connection) {}
        while try FlowNames.storeSome(on: connection) {}
    }
}

/// `config`: prints the effective settings; of a secret, only whether it is set.
enum PrintConfiguration {
    static func run(_ invocation: Invocation) throws {
        print("# settings file: \(invocation.settingsFile ?? "none")")
        for setting in Settings.all {
            let value = try invocation.configuration.text(of: setting)
            let shown = setting.isSecret ? (value == nil ? "(not set)" : "(set)") : value ?? "(not set)"
            print(setting.name.padded(to: 25) + shown)
        }
        for name in invocation.unknownSettings { print("# unknown: \(name)") }
        let problems = invocation.configuration.problems(settingsFile: invocation.settingsFile, migrates: true)
        guard problems.isEmpty else { throw InvalidSettings(command: "config", problems: problems) }
    }
}

/// `version`: prints the version that the API description has too.
enum PrintVersion {
    static func run(_ invocation: Invocation) throws { print("flow-manager \(Routes.interface.version)") }
}

/// `openapi`: prints the document that `/openapi.json` serves.
enum PrintOpenAPI {
    static func run(_ invocation: Invocation) throws { print(Routes.document.text) }
}

/// `postman`: prints the Postman collection, indented so that changes to it are readable as a diff.
enum PrintPostman {
    static func run(_ invocation: Invocation) throws { print(Routes.postmanCollection.indentedText) }
}
