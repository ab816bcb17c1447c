import App

/// One thing that can be set, by the environment or a file of `NAME=value` lines.
struct Setting: Sendable {
    let name: String
    /// Empty: not set unless told.
    let standard: String
    /// Never printed.
    let isSecret: Bool
    let summary: String

    private init(_ name: String, _ standard: String, isSecret: Bool = false, _ summary: String) {
        self.name = name
        self.standard = standard
        self.isSecret = isSecret
        self.summary = summary
    }

    /// The one table of settings; `flow-manager config` and the README print it.
    static let all: [Setting] = [
        Setting("CONFIG_TYPE", "production", "`production`, or `demo`: accounts that everybody knows may be made"),
        Setting("DATABASE_URL", "", isSecret: true, "Postgres for running, as `postgresql://…`; also `AWS_PGSQL_PATH`"),
        Setting(
            "MIGRATION_DATABASE_URL", "", isSecret: true, "Postgres as the owner of the tables; else `DATABASE_URL`"),
        Setting("DB_HOST", "", "In place of `DATABASE_URL`: the database's parts, each libpq's own unless told"),
        Setting("DB_PORT", "", "Port of `DB_HOST`"),
        Setting("DB_NAME", "", "Name of the database"),
        Setting("DB_USER", "", "Role that runs the program"),
        Setting("DB_PASSWORD", "", isSecret: true, "Its password"),
        Setting("DB_SSL_MODE", "", "libpq's `sslmode`; `verify-full` for a remote host"),
        Setting("DB_PREPARE", "on", "`off`: for pgbouncer in transaction mode; `MIGRATION_DATABASE_URL` goes past it"),
        Setting(
            "JWT_SECRET_KEY", "", isSecret: true,
            "Key of the access tokens, 32 bytes or more; `keys rotate jwt` makes those after it"),
        Setting("JWT_PREVIOUS_SECRET_KEY", "", isSecret: true, "The key before it, still good for reading tokens"),
        Setting(
            "SEALING_KEY", "", isSecret: true, "Key of secrets in the database, 32 bytes or more; none are kept without"
        ),
        Setting("SEALING_PREVIOUS_KEY", "", isSecret: true, "The key before it, still good for reading them"),
        Setting("JWT_ISSUER", "flow-manager", "`iss` of the access tokens"),
        Setting("JWT_AUDIENCE", "flow-manager", "`aud` of the access tokens"),
        Setting("CLERK_FRONTEND_URL", "", "Clerk as an issuer of tokens: the address of its Frontend API"),
        Setting(
            "CLERK_SECRET_KEY", "", isSecret: true,
            "Accepted; would serve to read Clerk users' e-mails, and is not used yet"),
        Setting("OIDC_ISSUER", "", "An OpenID Connect provider as an issuer of tokens: its `iss`, an https:// address"),
        Setting(
            "OIDC_AUDIENCE", "", "`aud` that tokens of other issuers may have, with commas; needed with `OIDC_ISSUER`"),
        Setting(
            "AUTHORIZED_PARTIES", "", "`azp` that they may have, with commas; needed with `CLERK_FRONTEND_URL`"),
        Setting(
            "HTTP_ALLOW_ADDRESSES", "",
            "Private addresses that may be asked, over http too, with commas: `10.0.0.0/8`, `10.1.2.3:80`"),
        Setting(
            "FLOW_GATE", "", isSecret: true, "Secret that the web server sends with each request, 32 bytes or more"),
        Setting("SOCKET", "/run/flow-manager/flow-manager.sock", "Where the responders listen; at most 107 bytes"),
        Setting("RESPONDERS", "2", "Responder processes"),
        Setting("THREADS", "4", "Threads a responder, each with a database connection of its own"),
        Setting("WORKERS", "1", "Worker processes, which carry out what was queued"),
        Setting("WORKER_THREADS", "4", "Threads a worker, each with a database connection of its own, and one beside"),
        Setting("LOG_FILE", "", "File that the log is appended to; standard error unless told"),
        Setting(
            "LOGIN_CREATES_ACCOUNT", "",
            "`on`: the first login of an unknown e-mail makes its account; in the demo profile `on` unless told"),
        Setting("CLIENT_CREDITS", "", "Credits of a new client; 20 in the demo profile and else 0, unless told"),
        Setting("GUEST_CREDITS", "", "Credits of a new guest; 50 in the demo profile and else 0, unless told"),
        Setting("FRONTEND_URL", "", "Origins, with commas, whose pages may call with cookies and read the answers"),
        Setting(
            "USER_CONCURRENCY", "off", "Runs of one user that may be under way in the queue at once; `off`: any number"),
        Setting("LOGIN_THROTTLE", "on", "`off`: nobody waits after failed logins"),
        Setting("REGISTRATION_LIMIT", "20", "Accounts a minute from one network address; `off`: any number"),
        Setting("CLIENT_PASSWORD", "Test1234!", isSecret: true, "Password of the demo profile's client"),
        Setting("ADMIN_EMAIL", "", "E-mail of the first admin, whom `migrate` makes unless somebody had it before"),
        Setting(
            "ADMIN_PASSWORD", "", isSecret: true, "Its password; in the demo profile also its admin's, else `adminpass`"
        ),
    ]
}

/// A setting that cannot be used; names it and never shows its value.
struct ConfigurationError: Error, CustomStringConvertible {
    let setting: String
    let reason: String

    var description: String { "\(setting): \(reason)" }
}

/// The settings in force.
struct Configuration: Sendable {
    private let values: [String: String]

    /// Values of the environment go before those of the file.
    init(environment: [String: String], file: [String: String] = [:]) {
        values = file.merging(environment) { $1 }
    }

    /// What is set, or the standard value; nil for a setting without either.
    func value(_ name: String) -> String? {
        if let value = values[name], !value.isEmpty { return value }
        guard let setting = Setting.all.first(where: { $0.name == name }) else { return nil }
        return setting.standard.isEmpty ? nil : setting.standard
    }

    func required(_ name: String) throws -> String {
        guard let value = value(name) else { throw ConfigurationError(setting: name, reason: "is not set") }
        return value
    }

    private func number(_ name: String, in range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(try required(name)), range.contains(number) else {
            throw ConfigurationError(setting: name, reason: "must be \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// - Parameter standard: for a setting whose standard value depends on others.
    func isOn(_ name: String, otherwise standard: String? = nil) throws -> Bool {
        switch value(name) ?? standard {
        case "on": true
        case "off": false
        default: throw ConfigurationError(setting: name, reason: "must be on or off")
        }
    }

    /// A secret of at least 32 bytes that is no pattern; the demo profile only asks for the length.
    func secret(_ name: String) throws -> [UInt8]? {
        guard let text = value(name) else { return nil }
        let bytes = Array(text.utf8)
        guard bytes.count >= 32 else { throw ConfigurationError(setting: name, reason: "must have 32 bytes or more") }
        guard try isDemo || Set(bytes).count >= 10 else {
            throw ConfigurationError(setting: name, reason: "is too easy to guess")
        }
        return bytes
    }
}

extension Configuration {
    var isDemo: Bool {
        get throws {
            switch value("CONFIG_TYPE") {
            case "demo": true
            case "production": false
            default: throw ConfigurationError(setting: "CONFIG_TYPE", reason: "must be demo or production")
            }
        }
    }

    /// Nil when any number of accounts may be made.
    var registrationLimit: Int? {
        get throws {
            value("REGISTRATION_LIMIT") == "off" ? nil : try number("REGISTRATION_LIMIT", in: 1...1_000_000)
        }
    }

    /// Nil when any number of a user's runs may be under way.
    var runsOfUser: Int? {
        get throws { value("USER_CONCURRENCY") == "off" ? nil : try number("USER_CONCURRENCY", in: 1...1_000_000) }
    }

    var loginCreatesAccount: Bool {
        get throws { try isOn("LOGIN_CREATES_ACCOUNT", otherwise: try isDemo ? "on" : "off") }
    }

    var welcome: WelcomeCredits {
        get throws {
            let standard = try isDemo ? DemoProfile.welcome : WelcomeCredits(client: 0, guest: 0)
            return WelcomeCredits(
                client: try credits("CLIENT_CREDITS", otherwise: standard.client),
                guest: try credits("GUEST_CREDITS", otherwise: standard.guest))
        }
    }

    private func credits(_ name: String, otherwise standard: Int64) throws -> Int64 {
        try value(name) == nil ? standard : Int64(number(name, in: 0...1_000_000_000))
    }

    var crossOrigin: CrossOrigin {
        get throws {
            guard let list = value("FRONTEND_URL") else { return .none }
            guard let crossOrigin = CrossOrigin(parsing: list) else {
                throw ConfigurationError(
                    setting: "FRONTEND_URL",
                    reason: "must be origins as browsers write them, like https://app.example, with commas between")
            }
            return crossOrigin
        }
    }

    var gate: [UInt8]? { get throws { try secret("FLOW_GATE") } }
    var socket: String { get throws { try required("SOCKET") } }
    var responders: Int { get throws { try number("RESPONDERS", in: 1...64) } }
    var threads: Int { get throws { try number("THREADS", in: 1...64) } }
    var workers: Int { get throws { try number("WORKERS", in: 0...64) } }
    var workerThreads: Int { get throws { try number("WORKER_THREADS", in: 1...64) } }
    var logFile: String? { value("LOG_FILE") }
    var clientPassword: String { get throws { try required("CLIENT_PASSWORD") } }
    var adminEmail: String? { value("ADMIN_EMAIL") }

    /// Outside the demo profile there is none unless told, and never the one that everybody knows.
    var adminPassword: String {
        get throws {
            if try isDemo { return value("ADMIN_PASSWORD") ?? DemoProfile.adminPassword }
            let password = try required("ADMIN_PASSWORD")
            guard password != DemoProfile.adminPassword else {
                throw ConfigurationError(setting: "ADMIN_PASSWORD", reason: "is that of the demo profile")
            }
            return password
        }
    }
}
