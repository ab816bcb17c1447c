import App
import Glibc
import Postgres
import System

/// Writes observations to the log, one line each. A line never makes its writer wait: see `LineWriter`.
final class Log: Sendable {
    /// How much an operator must care; the log leaves out what is below its level.
    enum Level: Int, Sendable, CaseIterable {
        case debug
        case info
        case warning
        case error

        var name: StaticString {
            switch self {
            case .debug: "debug"
            case .info: "info"
            case .warning: "warning"
            case .error: "error"
            }
        }
    }

    /// A line without its time.
    struct Entry {
        let level: Level
        let event: String
        let fields: KeyValuePairs<StaticString, Value>
    }

    /// The value of a field.
    enum Value: ExpressibleByStringInterpolation {
        case text(String)
        case number(Int)
        /// Seconds, with three decimal places.
        case seconds(Duration)

        init(stringLiteral text: String) { self = .text(text) }
    }

    private let format: LogLine.Format
    private let level: Level
    private let writer: LineWriter
    private let limit = LineLimit()
    private let process = getpid()
    /// How long a request takes that is logged as slow; nil: none is.
    private let slowRequest: Duration?

    /// - Parameters:
    ///   - capacity: of the buffer, in bytes.
    ///   - observeDrops: called with the number of lines that were dropped just now.
    init(
        to target: LineWriter.Target, _ format: LogLine.Format, from level: Level = .info,
        slowRequest: Duration? = nil, capacity: Int = 256 << 10,
        observeDrops: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(ProcessError) {
        self.format = format
        self.level = level
        self.slowRequest = slowRequest
        let process = process
        writer = try LineWriter(to: target, capacity: capacity, observeDrops: observeDrops) { notice in
            let entry = notice.logEntry
            return LogLine.bytes(entry.head(format, process), entry.add(to:))
        }
    }

    /// The environment variable that tells the supervisor's children the descriptor of its standard error: their own
    /// is a pipe to it.
    static let variable = "FLOW_MANAGER_LOG"

    /// Writes to `LOG_FILE`, or else to standard error; a supervisor's child writes to that of the supervisor.
    convenience init(
        _ configuration: Configuration, _ environment: [String: String], observeDrops: @escaping @Sendable (Int) -> Void
    ) throws {
        let inherited = environment[Self.variable].flatMap { Int32($0) }.flatMap {
            fcntl($0, F_SETFD, FD_CLOEXEC) == 0 ? $0 : nil
        }
        do {
            try self.init(
                to: try Self.file(configuration).map { .file($0) } ?? .descriptor(inherited ?? 2),
                try configuration.logFormat, from: try configuration.logLevel,
                slowRequest: try configuration.slowRequest, observeDrops: observeDrops)
        } catch let error as ProcessError {
            throw ConfigurationError(\.logFile, "cannot be appended to (\(error))")
        }
    }

    /// The path of the log; nil for names of standard error, which is another one in a supervisor's child.
    private static func file(_ configuration: Configuration) throws -> String? {
        try configuration.logFile.flatMap {
            ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"].contains($0) ? nil : $0
        }
    }

    /// Writes the line of an observation that is logged.
    func write(_ observation: Observation) {
        if case .application(.requestFinished(let request)) = observation {
            write(request)
            if request.isSlow(after: slowRequest) { writeSlow(request) }
            return
        }
        guard let entry = observation.logEntry ?? (level == .debug ? observation.debugEntry : nil),
            entry.level.rawValue >= level.rawValue
        else { return }
        var leftOut = 0
        if observation.isUnbounded {
            guard let count = limit.admit(entry.event, entry.level) else { return }
            leftOut = count
        }
        writer.append(entry.head(format, process)) { line in
            entry.add(to: &line)
            if leftOut > 0 { line.field("left_out", leftOut) }
        }
    }

    /// Writes the line of a request. It must be cheap: it allocates nothing, and is part of the time of every call.
    private func write(_ request: FinishedRequest) {
        guard level.rawValue <= Level.info.rawValue else { return }
        let head = LogLine.Head(format, level: Level.info.name, event: "request", process: process)
        writer.append(head, limit: Self.longestRequest) { line in
            line.field("request_id", request.requestID)
            line.field("method", Self.method(of: request))
            line.field("route", optional: request.route)
            line.field("status", request.status)
            line.field("duration_ms", thousandths: request.duration.microseconds)
            if let time = request.queueTime { line.field("queue_ms", thousandths: time.microseconds) }
            line.field("bytes_in", request.requestBytes)
            if let length = request.responseBytes { line.field("bytes_out", length) }
            line.field("user_id", optional: request.userID)
            line.field("key_id", optional: request.keyID)
            line.field("trace_id", optional: request.traceID)
        }
    }

    /// nginx takes any word as a method.
    private static func method(of request: FinishedRequest) -> String {
        request.method.utf8.count > 32 ? "-" : request.method
    }

    private func writeSlow(_ request: FinishedRequest) {
        guard level.rawValue <= Level.warning.rawValue else { return }
        let head = LogLine.Head(format, level: Level.warning.name, event: "slow-request", process: process)
        writer.append(head) { line in
            line.field("request_id", request.requestID)
            line.field("trace_id", optional: request.traceID)
            line.field("method", Self.method(of: request))
            line.field("route", optional: request.route)
            line.field("user_id", optional: request.userID)
            line.field("duration_ms", thousandths: (request.threadTime ?? request.duration).microseconds)
            guard let slowest = request.slowestStatement else { return }
            line.field("statement_ms", thousandths: slowest.duration.microseconds)
            line.field("statement", String(slowest.text.prefix(Self.longestStatement)))
        }
    }

    /// In characters.
    private static let longestStatement = 500

    /// In bytes: enough for the longest route and ids. Memory of that size is on the stack.
    private static let longestRequest = 1_024

    /// Opens the file again, after it was renamed.
    func reopen() { writer.reopen() }

    /// Writes what waits, before the process ends.
    func close() {
        for (event, level, count) in limit.takeRest() {
            let entry = Entry(level: level, event: event, fields: ["left_out": .number(count)])
            writer.append(entry.head(format, process), addFields: entry.add(to:))
        }
        writer.close()
    }
}

extension Log.Entry {
    fileprivate func head(_ format: LogLine.Format, _ process: Int32) -> LogLine.Head {
        LogLine.Head(format, level: level.name, event: event, process: process)
    }

    fileprivate func add(to line: inout LogLine) {
        for (name, value) in fields {
            switch value {
            case .text(let text): line.field(name, text)
            case .number(let number): line.field(name, number)
            case .seconds(let duration): line.field(name, thousandths: duration.microseconds / 1_000)
            }
        }
    }
}

extension FinishedRequest {
    /// Whether it occupied a thread for that long.
    ///
    /// - Parameter limit: `SLOW_REQUEST`; nil: no request is slow.
    func isSlow(after limit: Duration?) -> Bool { limit.map { threadTime ?? duration >= $0 } ?? false }
}

extension LineWriter.Notice {
    fileprivate var logEntry: Log.Entry {
        switch self {
        case .dropped(let lines): .warning("lines-dropped", ["count": .number(lines)])
        case .notReopened(let error): .error("log-not-reopened", ["reason": "\(error)"])
        }
    }
}
