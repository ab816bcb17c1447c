import App
import Crypto
import JSON
import Migrations
import Postgres
import Process
import SharedMemory

/// `migrate`: brings the schema up to date, gives the running role its rights, and makes the first admin.
enum Migrate {
    static func run(_ invocation: Invocation) throws {
        let configuration = invocation.configuration
        let owner = try configuration.migrationDatabase
        let connection = Connection(owner.forMigrations)
        let migrator = Migrator()
        try migrator.migrate(connection) { event in
            switch event {
            case .waiting: print("waiting for another migrator")
            case .applying: break
            case .gaveWay(let migration, let attempt): print("\(migration.label) gave way, attempt \(attempt)")
            case .applied(let migration): print("applied \(migration.label)")
            }
        }
        if let role = try configuration.database["user"], role != owner["user"] {
            try migrator.grant(to: role, connection)
        }
        print("the schema is up to date")
        try makeFirstAdmin(configuration)
    }

    private static func makeFirstAdmin(_ configuration: Configuration) throws {
        guard let email = configuration.adminEmail else { return }
        let users = UserAdministration(
            on: Connection(try configuration.database), passwords: try PasswordHasher.alone,
            welcome: try configuration.welcome)
        do {
            let isNew = try users.addFirstAdmin(email) { try configuration.adminPassword }
            print(isNew ? "made the account of ADMIN_EMAIL" : "the account of ADMIN_EMAIL stays as it is")
        } catch let refusal as Refusal {
            throw ConfigurationError(setting: "ADMIN_EMAIL and ADMIN_PASSWORD", reason: refusal.description)
        }
    }
}

extension PasswordHasher {
    /// For a command, which hashes one password at a time and shares the machine with nobody it knows.
    static var alone: PasswordHasher {
        get throws { PasswordHasher(slots: HashingSlots(Slots(in: try SharedMemory(), limit: 1), waiting: 0)) }
    }
}

/// `seed-demo`: the accounts that the documentation names. Refused outside the demo profile.
enum SeedDemo {
    static func run(_ invocation: Invocation) throws {
        let configuration = invocation.configuration
        guard try configuration.isDemo else {
            throw ConfigurationError(setting: "CONFIG_TYPE", reason: "is not demo; no demo accounts are made")
        }
        try DemoProfile.seed(
            clientPassword: configuration.clientPassword, adminPassword: configuration.adminPassword,
            passwords: try PasswordHasher.alone, welcome: try configuration.welcome,
            on: Connection(try configuration.database))
        print("the demo accounts are there")
    }
}

/// `prune`: removes what has expired.
enum Prune {
    static func run(_ invocation: Invocation) throws {
        try Pruning.run(on: Connection(try invocation.configuration.database)) { table, rows in
            print(table.padded(to: 20) + String(rows))
        }
    }
}

/// `config`: the settings in force. Of a secret only whether it is set.
enum PrintConfiguration {
    static func run(_ invocation: Invocation) throws {
        for setting in Setting.all {
            let value = invocation.configuration.value(setting.name)
            let shown = setting.isSecret ? (value == nil ? "(not set)" : "(set)") : value ?? "(not set)"
            print(setting.name.padded(to: 25) + shown)
        }
    }
}

/// `openapi`: the document that `/openapi.json` answers.
enum PrintOpenAPI {
    static func run(_ invocation: Invocation) throws { print(Routes.document.text) }
}
