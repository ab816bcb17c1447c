import App
import FastCGI
import Flows
import Postgres
import Supervision
import System
import WorkerPool

extension Observation {
    /// The line of the log; nil for what is only counted.
    var logEntry: Log.Entry? {
        switch self {
        case .edge(.peerRefused(let user)): .warning("peer-refused", ["user": "\(user)"])
        case .edge(.strayPeer): .warning("stray-peer")
        case .edge(.requestUnreadable): .warning("request-unreadable")
        case .edge(.gateRefused): .warning("gate-refused")
        case .edge(.callNotRepeated): .info("call-not-repeated")
        case .edge(.deadlinePassed): .warning("read-deadline-passed")
        case .edge(.rejected(let reason, let id)):
            .warning("request-rejected", ["request": id, "reason": "\(reason)"])
        case .edge(.answerRefused(let id)): .error("answer-refused", ["request": id])
        case .edge(.answerLost(let id)): .info("answer-lost", ["request": id])
        case .edge(.acceptPaused(let code)): .error("accept-paused", ["errno": "\(code)"])

        case .application(.requestFailed(let id, let method, let status, let detail)):
            .error("request-failed", ["request": id, "method": method, "status": "\(status)", "detail": detail])
        case .application(.auditNotSealed(let detail)): .warning("audit-not-sealed", ["detail": detail])
        case .application(.issuerUnavailable(let issuer, let reason)):
            .warning("issuer-unavailable", ["issuer": issuer, "reason": reason])

        case .database(.waitsRefused(let statement)):
            .error("database-waits-refused", ["statement": String(statement.prefix(100))])
        case .database(.waitsAccepted): .info("database-waits-accepted")

        case .worker(.queueUnavailable(let error)): .error("queue-unavailable", ["detail": Self.detail(of: error)])
        case .worker(.queueAvailable): .info("queue-available")
        case .worker(.runFailed(let error)): .error("run-postponed", ["detail": Self.detail(of: error)])
        case .worker(.notReleased(let error)): .warning("run-not-released", ["detail": Self.detail(of: error)])
        case .worker(.dutyFailed(let name, let error)):
            .warning("duty-failed", ["duty": name, "detail": Self.detail(of: error)])
        case .worker(.rescued(let count)): .warning("runs-rescued", ["count": "\(count)"])

        case .supervisor(.started(let role, let slot, let pid)):
            .info("\(role)-started", ["slot": "\(slot)", "pid": "\(pid)"])
        case .supervisor(.ready(let role, let slot, let pid)):
            .info("\(role)-ready", ["slot": "\(slot)", "pid": "\(pid)"])
        case .supervisor(.allReady): .info("all-ready")
        case .supervisor(.startFailed(let role, let slot, let error)):
            .error("\(role)-not-started", ["slot": "\(slot)", "reason": "\(error)"])
        case .supervisor(.exited(let role, let slot, let pid, let cause, let age)):
            Log.Entry(
                level: cause == .exited(0) ? .info : .warning, event: "\(role)-exited",
                fields: ["slot": "\(slot)", "pid": "\(pid)", "cause": "\(cause)", "seconds": Self.seconds(age)])
        case .supervisor(.backingOff(let role, let slot, let delay)):
            .warning("\(role)-backing-off", ["slot": "\(slot)", "seconds": Self.seconds(delay)])
        case .supervisor(.recycling(let role, let slot, let pid, let bytes)):
            .info("\(role)-recycling", ["slot": "\(slot)", "pid": "\(pid)", "megabytes": "\(bytes >> 20)"])
        case .supervisor(.overdue(let role, let slot, let pid)):
            .error("\(role)-overdue", ["slot": "\(slot)", "pid": "\(pid)"])
        case .supervisor(.reloading): .info("reloading")
        case .supervisor(.reloaded): .info("reloaded")
        case .supervisor(.reloadAbandoned(let slot)): .error("reload-abandoned", ["slot": "\(slot)"])
        case .supervisor(.connectionDropped): .warning("connection-dropped")
        case .supervisor(.terminating): .info("terminating")

        case .engine(.treeFull(let id)): .warning("descendant-limit-reached", ["execution": id])
        case .sharedMemoryRefused(let error): .warning("shared-memory-refused", ["reason": "\(error)"])
        case .completionsUnavailable(let error):
            .warning("completions-unavailable", ["detail": Self.detail(of: error)])

        // Not logged: what happens all the time, and what shows in the lines above if it makes a request or run fail.
        case .edge(.parkingFull), .application(.requestFinished), .application(.limitHit), .hashWaited,
            .engine(.claimed),
            .engine(.committed), .engine(.stepFinished), .engine(.runFinished), .engine(.leaseLost),
            .database(.connectionOpened), .database(.connectionLost):
            nil
        }
    }

    /// The detail for the operator; it includes the database's own message, which clients never see.
    private static func detail(of error: any Error) -> String {
        (error as? PostgresError)?.debugDescription ?? "\(error)"
    }

    private static func seconds(_ duration: Duration) -> String { "\(duration.components.seconds)" }
}

extension Log.Entry {
    fileprivate static func info(_ event: String, _ fields: KeyValuePairs<String, String> = [:]) -> Log.Entry {
        Log.Entry(level: .info, event: event, fields: fields)
    }

    fileprivate static func warning(_ event: String, _ fields: KeyValuePairs<String, String> = [:]) -> Log.Entry {
        Log.Entry(level: .warning, event: event, fields: fields)
    }

    fileprivate static func error(_ event: String, _ fields: KeyValuePairs<String, String> = [:]) -> Log.Entry {
        Log.Entry(level: .error, event: event, fields: fields)
    }
}
