import App
import Flows

/// A setting or settings file that is not valid. The description names it and never shows a value.
struct ConfigurationError: Error, CustomStringConvertible {
    let setting: String
    /// The rest of a sentence that begins with the name of the setting: what is wrong, and what to do.
    let reason: String

    var description: String { "\(setting) \(reason)" }
}

extension ConfigurationError {
    init<Value>(_ path: KeyPath<Settings, Setting<Value>>, _ reason: String) {
        self.init(setting: Settings.table[keyPath: path].name, reason: reason)
    }
}

/// The effective settings: each entry of `Settings` is a property of its value's type.
@dynamicMemberLookup struct Configuration: Sendable {
    private let values: [String: String]

    /// Values of the environment override those of the file.
    init(environment: [String: String], file: [String: String] = [:]) {
        values = file.merging(environment) { $1 }
    }

    subscript<Value>(dynamicMember path: KeyPath<Settings, Setting<Value>>) -> Value {
        get throws {
            let setting = Settings.table[keyPath: path]
            return try setting.value(of: try text(of: setting), isDemo: { try isDemo })
        }
    }

    /// A variable that is no setting; nil if it is empty.
    func text(ofVariable name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// The text that is set, or else the default; nil without either. An empty text counts as not set.
    func text(of setting: some SettingEntry) throws -> String? {
        for name in [setting.name, setting.otherName].compactMap(\.self) {
            if let value = values[name], !value.isEmpty { return value }
        }
        switch setting.defaultValue {
        case .none: return nil
        case .text(let text): return text
        case .byProfile(let production, let demo): return try isDemo ? demo : production
        }
    }
}

/// Settings that keep a command from its work: all of them at once.
struct InvalidSettings: Error, CustomStringConvertible {
    let command: String
    /// A sentence each.
    let problems: [String]

    /// The caller writes the name of the command before the first line.
    var description: String { problems.joined(separator: "\nflow-manager \(command): ") }
}

extension Configuration {
    /// All that keeps the program from serving, a sentence each: what any of its processes reads, so that the
    /// supervisor refuses what would end each child at its start.
    ///
    /// - Parameters:
    ///   - settingsFile: the path of the file from which settings come.
    ///   - migrates: whether what only `migrate` needs is checked too.
    func problems(settingsFile: String?, migrates: Bool) -> [String] {
        let single = Settings.all.map { setting in
            { if let text = try text(of: setting) { try setting.validate(text, isDemo: { try isDemo }) } }
        }
        let combined = [
            { _ = try database }, { if migrates { _ = try migrationDatabase } }, { _ = try issuers },
            { _ = try sealingKeys }, { _ = try listening }, { _ = try tokens }, { _ = try secrets },
            { _ = try programs(settingsFile: settingsFile) }, { _ = try runLimits }, { _ = try siteURL },
        ]
        let problems = (single + combined).compactMap { check -> String? in
            do {
                try check()
                return nil
            } catch {
                return "\(error)"
            }
        }
        return problems.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    var isDemo: Bool { get throws { try self.configType == .demo } }

    var runLimits: Engine.Limits {
        get throws {
            var limits = Engine.Limits()
            limits.concurrentRuns = try self.userConcurrency
            limits.descendants = try self.descendantLimit
            limits.callTime = try self.callTime
            limits.storage = StorageQuota(
                user: try self.storageQuota.map { Int64($0) << 20 },
                guest: try self.guestStorageQuota.map { Int64($0) << 20 })
            limits.processorTime = try self.runProcessorTime
            limits.recordSize = try self.runSize << 20
            limits.threadsPerUser = max(1, try self.threads / 2)
            limits.lifetime = RunLifetime(days: try self.runLifetime)
            limits.retention = try self.retention
            if let retention = limits.retention, retention <= limits.lifetime.days {
                throw ConfigurationError(
                    \.runLifetime, "must be less than RETENTION: a run must end before it is dropped")
            }
            return limits
        }
    }

    /// In bytes.
    var processMemory: Int? { get throws { try self.memoryLimit.map { $0 << 20 } } }

    var welcome: WelcomeCredits {
        get throws { WelcomeCredits(client: Int64(try self.clientCredits), guest: Int64(try self.guestCredits)) }
    }
}
