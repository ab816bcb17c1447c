import Glibc
import System

/// Finds and reads the settings file. It holds secrets, so a file that other users can read or change is an error.
enum SettingsFile {
    /// The first of: `--env-file PATH`, `FLOW_MANAGER_ENV`, `flow-manager.env` beside the executable, `.env` in the
    /// working directory. A file that is named by one of the first two must exist.
    ///
    /// - Returns: the settings and where they come from; nothing where there is no file.
    static func load(
        named path: String?, environment: [String: String], executable: String?
    ) throws -> (path: String?, values: [String: String]) {
        if let path = path ?? environment["FLOW_MANAGER_ENV"] {
            guard let values = try read(path) else {
                throw ConfigurationError(setting: path, reason: "does not exist")
            }
            return (path, values)
        }
        let beside = executable.flatMap { path in path.lastIndex(of: "/").map { path[...$0] + "flow-manager.env" } }
        for path in [beside.map(String.init), ".env"].compactMap(\.self) {
            if let values = try read(path) { return (path, values) }
        }
        return (nil, [:])
    }

    /// The file's settings; nil if the file does not exist.
    private static func read(_ path: String) throws -> [String: String]? {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(path, requiringPrivacy: true)
        } catch let error where error.code == ENOENT || error.code == ENOTDIR {
            return nil
        } catch Files.notPrivate {
            throw ConfigurationError(
                setting: path, reason: "is accessible to other users; run chmod 600 on it")
        } catch {
            throw ConfigurationError(setting: path, reason: "cannot be read (\(error))")
        }
        return parse(String(decoding: bytes, as: UTF8.self))
    }

    /// Parses `NAME=value` lines. As in shells, `export` may precede the name; `#` begins a comment line, and quotes
    /// around a value are removed. Other lines are ignored.
    static func parse(_ text: String) -> [String: String] {
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let separator = line.firstIndex(of: "=") else { continue }
            let words = line[..<separator].split { $0 == " " || $0 == "\t" }
            guard let name = words.last, !name.hasPrefix("#"), words.count == 1 || words == ["export", name] else {
                continue
            }
            var value = line[line.index(after: separator)...]
            if value.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote {
                value = value.dropFirst().dropLast()
            }
            values[String(name)] = String(value)
        }
        return values
    }
}
