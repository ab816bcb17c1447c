import App
import HTTP
import HTTPClient
import System

/// Why the value of a setting is not valid: the rest of a sentence that begins with the name of the setting.
struct InvalidValue: Error {
    let reason: String
}

/// Converts the text of a setting to its value.
struct SettingParser<Value: Sendable>: Sendable {
    /// Throws `InvalidValue`, or what `isDemo` throws.
    let parse: @Sendable (_ text: String, _ isDemo: () throws -> Bool) throws -> Value

    /// - Parameter form: what the text must be, for the message to the operator.
    fileprivate init(_ form: String, _ convert: @escaping @Sendable (String) -> Value?) {
        parse = { text, _ in
            guard let value = convert(text) else { throw InvalidValue(reason: "must be \(form)") }
            return value
        }
    }

    fileprivate init(parse: @escaping @Sendable (_ text: String, _ isDemo: () throws -> Bool) throws -> Value) {
        self.parse = parse
    }
}

extension SettingParser<String> {
    static var text: SettingParser { SettingParser { text, _ in text } }

    /// The first admin's password: outside the demo profile, the well-known one is not valid.
    static var adminPassword: SettingParser {
        SettingParser { text, isDemo in
            guard try isDemo() || text != DemoProfile.adminPassword else {
                throw InvalidValue(reason: "must not be the password of the demo profile")
            }
            return text
        }
    }
}

extension SettingParser<String?> {
    static var text: SettingParser { SettingParser { text, _ in text } }
}

extension SettingParser<[String]> {
    /// The elements of a comma-separated list, without surrounding spaces and empty elements.
    static var list: SettingParser { SettingParser { text, _ in elements(of: text) } }
}

/// The elements of a comma-separated list, without surrounding spaces and empty elements.
private func elements(of text: String) -> [String] {
    text.split(separator: ",").map { part in
        String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }.filter { !$0.isEmpty }
}

extension SettingParser<Bool> {
    static var onOrOff: SettingParser { SettingParser("on or off") { ["on": true, "off": false][$0] } }
}

extension SettingParser<Bool> {
    static var trueOrFalse: SettingParser { SettingParser("true or false") { ["true": true, "false": false][$0] } }
}

extension SettingParser<Profile> {
    static var profile: SettingParser { SettingParser("demo or production", Profile.init(rawValue:)) }
}

extension SettingParser<LogLine.Format> {
    static var logFormat: SettingParser { SettingParser("json or text", LogLine.Format.init(rawValue:)) }
}

extension SettingParser<Log.Level> {
    static var logLevel: SettingParser {
        SettingParser("debug, info, warning or error") { text in
            Log.Level.allCases.first { $0.name.description == text }
        }
    }
}

extension SettingParser<Int> {
    static func number(in range: ClosedRange<Int>) -> SettingParser {
        SettingParser("a number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension SettingParser<Duration> {
    static func seconds(in range: ClosedRange<Double>) -> SettingParser {
        SettingParser("a number of seconds from \(range.lowerBound) to \(range.upperBound)") { text in
            Double(text).flatMap { range.contains($0) ? .seconds($0) : nil }
        }
    }
}

extension SettingParser<Duration?> {
    /// Nil for `off`.
    static func secondsOrOff(in range: ClosedRange<Double>) -> SettingParser {
        SettingParser("off or a number of seconds from \(range.lowerBound) to \(range.upperBound)") { text in
            if text == "off" { return .some(nil) }
            return Double(text).flatMap { range.contains($0) ? .some(.seconds($0)) : nil }
        }
    }
}

extension SettingParser<Int?> {
    /// Nil for `off`, which means no limit.
    static func limit(from least: Int = 1) -> SettingParser {
        SettingParser("off or a number from \(least) to 1000000") { text in
            if text == "off" { return .some(nil) }
            return Int(text).flatMap { (least...1_000_000).contains($0) ? .some($0) : nil }
        }
    }
}

extension SettingParser<RateLimits.Numbers?> {
    /// Nil for `off`, which means no limit; one number is that of users and of guests.
    static var callsPerMinute: SettingParser {
        SettingParser("off, a number from 1 to 10000000, or two: of users/of guests") { text in
            if text == "off" { return .some(nil) }
            let numbers = text.split(separator: "/", omittingEmptySubsequences: false).compactMap { part in
                Int(plain: part).flatMap { (1...10_000_000).contains($0) ? $0 : nil }
            }
            guard numbers.count == text.utf8.count(where: { $0 == UInt8(ascii: "/") }) + 1,
                numbers.count < 3, let user = numbers.first, let guest = numbers.last
            else { return nil }
            return RateLimits.Numbers(user: user, guest: guest)
        }
    }
}

extension SettingParser<[UInt8]> {
    static var secret: SettingParser { SettingParser(parse: secretBytes) }
}

extension SettingParser<[UInt8]?> {
    static var secret: SettingParser { SettingParser(parse: secretBytes) }
}

/// A secret of at least 32 bytes and, except in the demo profile, at least 10 different bytes.
@Sendable private func secretBytes(_ text: String, isDemo: () throws -> Bool) throws -> [UInt8] {
    let bytes = Array(text.utf8)
    guard bytes.count >= 32 else { throw InvalidValue(reason: "must have at least 32 bytes") }
    guard try isDemo() || Set(bytes).count >= 10 else {
        throw InvalidValue(reason: "is too easy to guess; use a random value")
    }
    return bytes
}

extension SettingParser<BasePath> {
    static var basePath: SettingParser {
        SettingParser(
            "a path like /flow, of letters, digits and -_.~, at most \(BasePath.maximumLength) bytes",
            BasePath.init(parsing:))
    }
}

extension SettingParser<CrossOrigin> {
    static var origins: SettingParser {
        SettingParser(
            "comma-separated origins as browsers send them, like https://app.example", CrossOrigin.init(parsing:))
    }
}

extension SettingParser<[AddressRange]> {
    static var addresses: SettingParser {
        SettingParser("comma-separated addresses like 10.0.0.0/8 or 127.0.0.1:8080", ranges)
    }

    /// Of clients, of which each connection has another port.
    static var addressesWithoutPorts: SettingParser {
        SettingParser("comma-separated addresses like 10.0.0.0/8 or ::1, without ports") { text in
            ranges(in: text).flatMap { $0.contains(where: \.hasPort) ? nil : $0 }
        }
    }

    /// Nil if one of them is not valid.
    @Sendable private static func ranges(in text: String) -> [AddressRange]? {
        let names = elements(of: text)
        let ranges = names.compactMap { AddressRange(parsing: $0) }
        return ranges.count == names.count ? ranges : nil
    }
}
