import Glibc
import Process

/// Finds and reads the file of settings. It holds secrets, so it is refused when others may read it.
enum SettingsFile {
    /// The first of: `--env-file PATH`, `FLOW_MANAGER_ENV`, `flow-manager.env` beside the executable, `.env` in the
    /// working folder. The first two must exist if they are named.
    static func load(named path: String?, environment: [String: String], executable: String?) throws -> [String: String]
    {
        if let path = path ?? environment["FLOW_MANAGER_ENV"] { return try read(path) }
        let beside = executable.flatMap { path in path.lastIndex(of: "/").map { path[...$0] + "flow-manager.env" } }
        for path in [beside.map(String.init), ".env"].compactMap(\.self) {
            do {
                return try read(path)
            } catch let error as ConfigurationError where error.reason == missing {
                continue
            }
        }
        return [:]
    }

    private static let missing = "cannot be read"

    private static func read(_ path: String) throws -> [String: String] {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(path, requiringPrivacy: true)
        } catch let error where error.code == EACCES {
            throw ConfigurationError(setting: path, reason: "may be read by others; chmod 600 it")
        } catch {
            throw ConfigurationError(setting: path, reason: missing)
        }
        return parse(String(decoding: bytes, as: UTF8.self))
    }

    /// `NAME=value` lines; `#` begins a comment line, quotes around a value are dropped.
    static func parse(_ text: String) -> [String: String] {
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.drop { $0 == " " }
            guard !line.hasPrefix("#"), let separator = line.firstIndex(of: "=") else { continue }
            var value = line[line.index(after: separator)...]
            if value.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote {
                value = value.dropFirst().dropLast()
            }
            values[String(line[..<separator])] = String(value)
        }
        return values
    }
}
