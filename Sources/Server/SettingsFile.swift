import Glibc
import Process

/// Finds and reads the file of settings. It holds secrets, so it is refused when others may read or change it.
enum SettingsFile {
    /// The first of: `--env-file PATH`, `FLOW_MANAGER_ENV`, `flow-manager.env` beside the executable, `.env` in the
    /// working folder. The first two must exist if they are named.
    static func load(named path: String?, environment: [String: String], executable: String?) throws -> [String: String]
    {
        if let path = path ?? environment["FLOW_MANAGER_ENV"] {
            guard let values = try read(path) else { throw ConfigurationError(setting: path, reason: "is not there") }
            return values
        }
        let beside = executable.flatMap { path in path.lastIndex(of: "/").map { path[...$0] + "flow-manager.env" } }
        for path in [beside.map(String.init), ".env"].compactMap(\.self) {
            if let values = try read(path) { return values }
        }
        return [:]
    }

    /// The file's settings; nil where there is no such file.
    private static func read(_ path: String) throws -> [String: String]? {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(path, requiringPrivacy: true)
        } catch let error where error.code == ENOENT || error.code == ENOTDIR {
            return nil
        } catch Files.notPrivate {
            throw ConfigurationError(setting: path, reason: "may be read or changed by others; chmod 600 it")
        } catch {
            throw ConfigurationError(setting: path, reason: "cannot be read (\(error))")
        }
        return parse(String(decoding: bytes, as: UTF8.self))
    }

    /// `NAME=value` lines, as shells read them also with `export` before the name; `#` begins a comment line, quotes
    /// around a value are dropped.
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
