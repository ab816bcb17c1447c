import App

/// A setting or settings file that is not valid. The description names it and never shows a value.
struct ConfigurationError: Error, CustomStringConvertible {
    let setting: String
    /// The rest of a sentence that begins with the name of the setting: what is wrong, and what to do.
    let reason: String

    var description: String { "\(setting) \(reason)" }
}

/// The effective settings.
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

    /// The maximum number of new accounts per minute and network address; nil for no limit.
    var registrationLimit: Int? { get throws { try limit("REGISTRATION_LIMIT") } }

    /// The maximum number of a user's active queued runs; nil for no limit.
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
