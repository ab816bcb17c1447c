import App
import FastCGI
import Postgres
import System
import Supervision
import WorkerPool

/// Writes events to the log: one line per event, `TIME LEVEL EVENT key=value …`, to one descriptor.
struct Log: Sendable {
    enum Level: String {
        case info
        case warning
        case error
    }

    private let descriptor: Int32

    /// Writes to the file, or else to standard error.
    init(file: String? = nil) throws {
        descriptor = try file.map { try Files.openToAppend($0) } ?? 2
    }

    /// One write per line, so that lines of several processes do not mix. A failed write is ignored.
    func write(_ level: Level, _ event: String, _ fields: KeyValuePairs<String, String> = [:]) {
        var line = "\(RFC3339.text(nanoseconds: WallClock.nanoseconds)) \(level.rawValue) \(event)"
        for (name, value) in fields { line += " \(name)=\(Log.quoted(value))" }
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

extension Log {
    func write(_ event: ApplicationEvent) {
        switch event {
        case .requestFailed(let id, let method, let status, let detail):
            write(
                .error, "request-failed",
                ["request": id, "method": method, "status": String(status), "detail": detail])
        case .auditNotSealed(let detail): write(.warning, "audit-not-sealed", ["detail": detail])
        case .issuerUnavailable(let issuer, let reason):
            write(.warning, "issuer-unavailable", ["issuer": issuer, "reason": reason])
        }
    }

    func write(_ event: FastCGIEvent) {
        switch event {
        case .peerRefused(let user): write(.warning, "peer-refused", ["user": String(user)])
        case .strayPeer: write(.warning, "stray-peer")
        case .requestUnreadable: write(.warning, "request-unreadable")
        case .gateRefused: write(.warning, "gate-refused")
        case .deadlinePassed: write(.warning, "read-deadline-passed")
        case .rejected(let reason, let id): write(.warning, "request-rejected", ["request": id, "reason": "\(reason)"])
        case .answerRefused(let id): write(.error, "answer-refused", ["request": id])
        case .answerLost(let id): write(.info, "answer-lost", ["request": id])
        case .acceptPaused(let code): write(.error, "accept-paused", ["errno": String(code)])
        }
    }

    func write(_ event: SupervisorEvent) {
        switch event {
        case .started(let role, let slot, let pid):
            write(.info, "\(role)-started", ["slot": "\(slot)", "pid": "\(pid)"])
        case .ready(let role, let slot, let pid): write(.info, "\(role)-ready", ["slot": "\(slot)", "pid": "\(pid)"])
        case .allReady: write(.info, "all-ready")
        case .startFailed(let role, let slot, let error):
            write(.error, "\(role)-not-started", ["slot": "\(slot)", "reason": "\(error)"])
        case .exited(let role, let slot, let pid, let cause, let age):
            write(
                cause == .exited(0) ? .info : .warning, "\(role)-exited",
                ["slot": "\(slot)", "pid": "\(pid)", "cause": "\(cause)", "seconds": "\(age.components.seconds)"])
        case .backingOff(let role, let slot, let delay):
            write(.warning, "\(role)-backing-off", ["slot": "\(slot)", "seconds": "\(delay.components.seconds)"])
        case .overdue(let role, let slot, let pid):
            write(.error, "\(role)-overdue", ["slot": "\(slot)", "pid": "\(pid)"])
        case .reloading: write(.info, "reloading")
        case .reloaded: write(.info, "reloaded")
        case .reloadAbandoned(let slot): write(.error, "reload-abandoned", ["slot": "\(slot)"])
        case .connectionDropped: write(.warning, "connection-dropped")
        case .terminating: write(.info, "terminating")
        }
    }
}

extension Log {
    func write(_ event: WorkerEvent) {
        switch event {
        case .queueUnavailable(let error): write(.error, "queue-unavailable", ["detail": Log.detail(of: error)])
        case .queueAvailable: write(.info, "queue-available")
        case .runFailed(let error): write(.error, "run-postponed", ["detail": Log.detail(of: error)])
        case .notReleased(let error): write(.warning, "run-not-given-back", ["detail": Log.detail(of: error)])
        case .dutyFailed(let name, let error):
            write(.warning, "duty-failed", ["duty": name, "detail": Log.detail(of: error)])
        case .rescued(let count): write(.warning, "runs-rescued", ["count": "\(count)"])
        }
    }

    /// The detail for the operator; it includes the database's own message, which clients never see.
    static func detail(of error: any Error) -> String {
        (error as? PostgresError)?.debugDescription ?? "\(error)"
    }
}

/// Times as text (RFC 3339), in UTC to the millisecond.
enum RFC3339 {
    /// `nanoseconds` since 1970. The date is the proleptic Gregorian one, counted in eras of 400 years from March.
    static func text(nanoseconds: Int64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let (days, time) = (milliseconds / 86_400_000, milliseconds % 86_400_000)
        let shifted = days + 719_468
        let (era, dayOfEra) = (shifted / 146_097, shifted % 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let (hour, minute) = (time / 3_600_000, time / 60_000 % 60)
        return "\(padded(year, 4))-\(padded(month))-\(padded(day))T\(padded(hour)):\(padded(minute))"
            + ":\(padded(time / 1_000 % 60)).\(padded(time % 1_000, 3))Z"
    }

    private static func padded(_ number: Int64, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
