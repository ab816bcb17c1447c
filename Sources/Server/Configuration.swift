import App

/// One setting, which comes from the environment or a file of `NAME=value` lines.
struct Setting: Sendable {
    let name: String
    /// Empty for a setting without a default.
    let defaultValue: String
    /// Whether the value must never be printed.
    let isSecret: Bool
    let summary: String

    private init(_ name: String, _ defaultValue: String, isSecret: Bool = false, _ summary: String) {
        self.name = name
        self.defaultValue = defaultValue
        self.isSecret = isSecret
        self.summary = summary
    }

    /// The table of all settings. `flow-manager config` prints its names with their values; the README prints the table.
    static let all: [Setting] = [
        Setting(
            "CONFIG_TYPE", "production",
            "Profile: `production`, or `demo`, which allows accounts with well-known passwords"),
        Setting(
            "DATABASE_URL", "", isSecret: true,
            "Postgres connection URL, `postgresql://…`. Alternative name: `AWS_PGSQL_PATH`"),
        Setting(
            "MIGRATION_DATABASE_URL", "", isSecret: true,
            "Connection URL of the tables' owner, for `migrate`. Default: `DATABASE_URL`"),
        Setting(
            "DB_HOST", "",
            "Database host, instead of `DATABASE_URL`. libpq's defaults apply to unset `DB_…` settings"),
        Setting("DB_PORT", "", "Database port"),
        Setting("DB_NAME", "", "Database name"),
        Setting("DB_USER", "", "Database role of the application"),
        Setting("DB_PASSWORD", "", isSecret: true, "Password of `DB_USER`"),
        Setting("DB_SSL_MODE", "", "libpq's `sslmode`. Use `verify-full` for a remote host"),
        Setting(
            "DB_PREPARE", "on",
            "Set `off` for pgbouncer in transaction mode, and `MIGRATION_DATABASE_URL` to bypass pgbouncer"),
        Setting(
            "JWT_SECRET_KEY", "", isSecret: true,
            "First key that signs access tokens, at least 32 bytes. `keys rotate jwt` creates later keys"),
        Setting(
            "JWT_PREVIOUS_SECRET_KEY", "", isSecret: true,
            "Previous `JWT_SECRET_KEY`, which still verifies tokens"),
        Setting(
            "SEALING_KEY", "", isSecret: true,
            "Key that encrypts secrets in the database, at least 32 bytes. Required to store secrets"),
        Setting("SEALING_PREVIOUS_KEY", "", isSecret: true, "Previous `SEALING_KEY`, which still decrypts secrets"),
        Setting("JWT_ISSUER", "flow-manager", "`iss` of the access tokens"),
        Setting("JWT_AUDIENCE", "flow-manager", "`aud` of the access tokens"),
        Setting("CLERK_FRONTEND_URL", "", "URL of Clerk's Frontend API, to accept tokens that Clerk issues"),
        Setting("CLERK_SECRET_KEY", "", isSecret: true, "Accepted, but not used"),
        Setting(
            "OIDC_ISSUER", "",
            "`iss` of an OpenID Connect provider, an https:// URL, to accept tokens that it issues"),
        Setting("OIDC_AUDIENCE", "", "Accepted `aud` of external tokens, comma-separated. Required with `OIDC_ISSUER`"),
        Setting(
            "AUTHORIZED_PARTIES", "",
            "Accepted `azp` of external tokens, comma-separated. Required with `CLERK_FRONTEND_URL`"),
        Setting(
            "HTTP_ALLOW_ADDRESSES", "",
            "Private addresses that outgoing requests may reach, over http too: `10.0.0.0/8,10.1.2.3:80`"),
        Setting(
            "FLOW_GATE", "", isSecret: true,
            "Secret that the web server sends with each request, at least 32 bytes"),
        Setting(
            "SOCKET", "/run/flow-manager/flow-manager.sock",
            "Unix socket on which the responders listen, at most 107 bytes"),
        Setting("RESPONDERS", "2", "Number of responder processes"),
        Setting("THREADS", "4", "Threads per responder, each with its own database connection"),
        Setting("WORKERS", "1", "Number of worker processes, which execute queued runs"),
        Setting(
            "WORKER_THREADS", "4",
            "Threads per worker, each with its own database connection. A worker has one more of both"),
        Setting("LOG_FILE", "", "File to append the log to. Default: standard error"),
        Setting(
            "LOGIN_CREATES_ACCOUNT", "",
            "Whether a login with an unknown e-mail creates the account. Default: `on` in the demo profile, else `off`"),
        Setting("CLIENT_CREDITS", "", "Credits of a new client. Default: 20 in the demo profile, else 0"),
        Setting("GUEST_CREDITS", "", "Credits of a new guest. Default: 50 in the demo profile, else 0"),
        Setting(
            "FRONTEND_URL", "",
            "Origins that may call with cookies and read the responses (CORS), comma-separated"),
        Setting(
            "USER_CONCURRENCY", "off",
            "Limit of queued runs that execute at the same time, per user. `off`: no limit"),
        Setting("LOGIN_THROTTLE", "on", "`off`: no delay after failed logins"),
        Setting("REGISTRATION_LIMIT", "20", "Limit of new accounts per minute, per network address. `off`: no limit"),
        Setting("CLIENT_PASSWORD", "Test1234!", isSecret: true, "Password of the demo profile's client"),
        Setting(
            "ADMIN_EMAIL", "",
            "E-mail of the first admin. `migrate` creates the account, unless this e-mail is or was in use"),
        Setting(
            "ADMIN_PASSWORD", "", isSecret: true,
            "Password of the first admin and of the demo profile's admin. Default in the demo profile: `adminpass`"),
    ]
}

/// A setting or settings file that is not valid. The description names it and never shows a value.
struct ConfigurationError: Error, CustomStringConvertible {
    let setting: String
    /// The rest of a sentence that begins with the name of the setting: what is wrong, and what to do.
    let reason: String

    var description: String { "\(setting) \(reason)" }
}

/// The settings in force.
struct Configuration: Sendable {
    private let values: [String: String]

    /// Values of the environment override those of the file.
    init(environment: [String: String], file: [String: String] = [:]) {
        values = file.merging(environment) { $1 }
    }

    /// The value that is set, or else the default; nil without either. An empty value counts as not set.
    func value(_ name: String) -> String? {
        if let value = values[name], !value.isEmpty { return value }
        guard let setting = Setting.all.first(where: { $0.name == name }) else { return nil }
        return setting.defaultValue.isEmpty ? nil : setting.defaultValue
    }

    func required(_ name: String) throws -> String {
        guard let value = value(name) else { throw ConfigurationError(setting: name, reason: "must be set") }
        return value
    }

    private func number(_ name: String, in range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(try required(name)), range.contains(number) else {
            throw ConfigurationError(
                setting: name, reason: "must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Nil for `off`, which means no limit.
    private func limit(_ name: String) throws -> Int? {
        let text = try required(name)
        if text == "off" { return nil }
        guard let limit = Int(text), (1...1_000_000).contains(limit) else {
            throw ConfigurationError(setting: name, reason: "must be off or a number from 1 to 1000000")
        }
        return limit
    }

    /// - Parameter defaultValue: for a setting whose default depends on other settings.
    func isOn(_ name: String, default defaultValue: String? = nil) throws -> Bool {
        switch value(name) ?? defaultValue {
        case "on": true
        case "off": false
        default: throw ConfigurationError(setting: name, reason: "must be on or off")
        }
    }

    /// A secret of at least 32 bytes and, except in the demo profile, at least 10 different bytes.
    func secret(_ name: String) throws -> [UInt8]? {
        guard let text = value(name) else { return nil }
        let bytes = Array(text.utf8)
        guard bytes.count >= 32 else {
            throw ConfigurationError(setting: name, reason: "must have at least 32 bytes")
        }
        guard try isDemo || Set(bytes).count >= 10 else {
            throw ConfigurationError(setting: name, reason: "is too easy to guess; use a random value")
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

    /// New accounts per minute and network address; nil for no limit.
    var registrationLimit: Int? { get throws { try limit("REGISTRATION_LIMIT") } }

    /// Queued runs of one user that execute at the same time; nil for no limit.
    var runsOfUser: Int? { get throws { try limit("USER_CONCURRENCY") } }

    var loginCreatesAccount: Bool {
        get throws { try isOn("LOGIN_CREATES_ACCOUNT", default: try isDemo ? "on" : "off") }
    }

    var welcome: WelcomeCredits {
        get throws {
            let defaults = try isDemo ? DemoProfile.welcome : WelcomeCredits(client: 0, guest: 0)
            return WelcomeCredits(
                client: try credits("CLIENT_CREDITS", default: defaults.client),
                guest: try credits("GUEST_CREDITS", default: defaults.guest))
        }
    }

    private func credits(_ name: String, default defaultValue: Int64) throws -> Int64 {
        try value(name) == nil ? defaultValue : Int64(number(name, in: 0...1_000_000_000))
    }

    var crossOrigin: CrossOrigin {
        get throws {
            guard let list = value("FRONTEND_URL") else { return .none }
            guard let crossOrigin = CrossOrigin(parsing: list) else {
                throw ConfigurationError(
                    setting: "FRONTEND_URL",
                    reason: "must be comma-separated origins as browsers send them, like https://app.example")
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

    /// Outside the demo profile there is no default, and the well-known password of the demo profile is not valid.
    var adminPassword: String {
        get throws {
            if try isDemo { return value("ADMIN_PASSWORD") ?? DemoProfile.adminPassword }
            let password = try required("ADMIN_PASSWORD")
            guard password != DemoProfile.adminPassword else {
                throw ConfigurationError(
                    setting: "ADMIN_PASSWORD", reason: "must not be the password of the demo profile")
            }
            return password
        }
    }
}
