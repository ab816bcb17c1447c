/// What all settings have in common, whatever the type of their values.
protocol SettingEntry: Sendable {
    var name: String { get }
    /// An older or another product's name of the same setting.
    var otherName: String? { get }
    var defaultValue: DefaultText { get }
    /// Whether the value must never be printed.
    var isSecret: Bool { get }
    var summary: String { get }
    /// Throws `ConfigurationError` if the setting cannot have this text.
    func validate(_ text: String, isDemo: () throws -> Bool) throws
}

/// The text that counts if a setting has no value.
enum DefaultText: Sendable {
    case none
    case text(String)
    case byProfile(production: String?, demo: String)
}

/// One setting: its name, default, parser and summary. It comes from the environment or a file of `NAME=value` lines.
struct Setting<Value: Sendable>: SettingEntry {
    let name: String
    let otherName: String?
    let defaultValue: DefaultText
    let isSecret: Bool
    let summary: String
    /// The value of the unset setting; throws if it is required.
    private let valueIfUnset: @Sendable () throws(InvalidValue) -> Value
    private let parser: SettingParser<Value>

    /// A setting that must have a value, unless it has a default.
    init(
        _ name: String, default defaultValue: DefaultText = .none, isSecret: Bool = false,
        _ parser: SettingParser<Value>, _ summary: String
    ) {
        self.init(name, nil, defaultValue, isSecret, parser, summary) { () throws(InvalidValue) -> Value in
            throw InvalidValue(reason: "must be set")
        }
    }

    /// A setting that need not have a value.
    init(
        _ name: String, otherName: String? = nil, ifUnset value: Value, isSecret: Bool = false,
        _ parser: SettingParser<Value>, _ summary: String
    ) {
        self.init(name, otherName, .none, isSecret, parser, summary) { value }
    }

    private init(
        _ name: String, _ otherName: String?, _ defaultValue: DefaultText, _ isSecret: Bool,
        _ parser: SettingParser<Value>, _ summary: String,
        valueIfUnset: @escaping @Sendable () throws(InvalidValue) -> Value
    ) {
        self.name = name
        self.otherName = otherName
        self.defaultValue = defaultValue
        self.isSecret = isSecret
        self.summary = summary
        self.parser = parser
        self.valueIfUnset = valueIfUnset
    }

    /// The value of the text, which may depend on the profile.
    func value(of text: String?, isDemo: () throws -> Bool) throws -> Value {
        do {
            guard let text else { return try valueIfUnset() }
            return try parser.parse(text, isDemo)
        } catch let error as InvalidValue {
            throw ConfigurationError(setting: name, reason: error.reason)
        }
    }
}

extension Setting {
    func validate(_ text: String, isDemo: () throws -> Bool) throws { _ = try value(of: text, isDemo: isDemo) }
}

extension Settings {
    static let table = Settings()

    /// All settings, in the order of the table.
    static let all: [any SettingEntry] = Mirror(reflecting: table).children.compactMap {
        $0.value as? any SettingEntry
    }
}
