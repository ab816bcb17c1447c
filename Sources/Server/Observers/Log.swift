import System

/// Writes observations to the log: one line each, `TIME LEVEL EVENT key=value …`, to one descriptor.
struct Log: Sendable {
    /// A line without its time.
    struct Entry {
        enum Level: String {
            case info
            case warning
            case error
        }

        let level: Level
        let event: String
        let fields: KeyValuePairs<String, String>
    }

    private let descriptor: Int32

    /// Writes to the file, or else to standard error.
    init(file: String? = nil) throws {
        descriptor = try file.map { try Files.openToAppend($0) } ?? 2
    }

    /// Writes the line of an observation that is logged.
    func write(_ observation: Observation) {
        if let entry = observation.logEntry { write(entry) }
    }

    /// One write per line, so that lines of several processes do not mix. A failed write is ignored.
    private func write(_ entry: Entry) {
        var line =
            "\(RFC3339.text(milliseconds: WallClock.nanoseconds / 1_000_000)) \(entry.level.rawValue) \(entry.event)"
        for (name, value) in entry.fields { line += " \(name)=\(Log.quoted(value))" }
        Files.write(Array((line + "\n").utf8), to: descriptor)
    }

    /// The value unchanged if it is one plain word, otherwise in quotes; control characters, such as line feeds, become
    /// spaces.
    private static func quoted(_ value: String) -> String {
        let isPlain = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") }
        guard !isPlain else { return value }
        let escaped = value.unicodeScalars.map { scalar -> String in
            switch scalar {
            case "\"", "\\": "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f: " "
            default: String(scalar)
            }
        }
        return "\"\(escaped.joined())\""
    }
}
