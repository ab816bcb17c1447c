import App
import FastCGI
import Flows
import Postgres
import Programs
import Supervision
import System
import WorkerPool

extension Observation {
    /// The line of the log; nil for what is only counted.
    var logEntry: Log.Entry? {
        switch self {
        case .edge(.peerRefused(let user)): .warning("peer-refused", ["user": .number(Int(user))])
        case .edge(.threadsBlocked(true)): .warning("threads-blocked")
        case .edge(.threadsBlocked(false)): .info("threads-free")
        case .edge(.clientRefused(let address)): .warning("client-refused", ["address": .text(address)])
        case .edge(.strayPeer): .warning("stray-peer")
        case .edge(.requestUnreadable): .warning("request-unreadable")
        case .edge(.gateRefused): .warning("gate-refused")
        case .edge(.callNotRepeated): .info("call-not-repeated")
        // Before its params are complete, nothing is known of a request.
        case .edge(.deadlinePassed("", "")): .warning("read-deadline-passed")
        case .edge(.deadlinePassed(let id, let client)):
            .warning("read-deadline-passed", ["request_id": .text(id), "address": .text(client)])
        case .edge(.rejected(let reason, let id)):
            .warning("request-rejected", ["request_id": .text(id), "reason": "\(reason)"])
        case .edge(.answerRefused(let id)): .error("answer-refused", ["request_id": .text(id)])
        case .edge(.answerLost("")): .info("answer-lost")
        case .edge(.answerLost(let id)): .info("answer-lost", ["request_id": .text(id)])
        case .edge(.acceptPaused(let code)): .error("accept-paused", ["errno": .number(Int(code))])

        case .application(.requestFailed(let id, let method, let route, let status, let detail)):
            .error(
                "request-failed",
                [
                    "request_id": .text(id), "method": .text(method), "route": .text(route ?? ""),
                    "status": .number(status), "detail": .text(detail),
                ])
        case .application(.auditNotSealed(let detail)): .warning("audit-not-sealed", ["detail": .text(detail)])
        case .application(.issuerUnavailable(let issuer, let reason)):
            .warning("issuer-unavailable", ["issuer": .text(issuer), "reason": .text(reason)])
        case .application(.emailNotFetched(let reason)): .warning("email-not-fetched", ["reason": .text(reason)])
        case .application(.secretsUnavailable(let reason)): .warning("secrets-unavailable", ["reason": .text(reason)])
        case .application(.notificationFailed(let host, let reason)):
            .info("notification-failed", ["host": .text(host), "reason": .text(reason)])
        case .application(.notificationDead(let host, let reason)):
            .warning("notification-dead", ["host": .text(host), "reason": .text(reason)])
        case .application(.sealingKeyMissing(let key)):
            .error("sealing-key-missing", ["key": .text(key.id), "values": .number(key.count)])
        case .application(.scheduleFailed(let id, let code, let detail)):
            .warning("schedule-failed", ["schedule_id": .text(id), "code": .text(code), "detail": .text(detail)])

        case .database(.waitsRefused(let statement)):
            .error("database-waits-refused", ["statement": .text(String(statement.prefix(100)))])
        case .database(.waitsAccepted): .info("database-waits-accepted")

        case .worker(.queueUnavailable(let error)):
            .error("queue-unavailable", ["detail": .text(Self.detail(of: error))])
        case .worker(.queueAvailable): .info("queue-available")
        case .worker(.runFailed(let error)): .error("run-postponed", ["detail": .text(Self.detail(of: error))])
        case .worker(.notReleased(let error)): .warning("run-not-released", ["detail": .text(Self.detail(of: error))])
        case .worker(.dutyFailed(let name, let error)):
            .warning("duty-failed", ["duty": .text(name), "detail": .text(Self.detail(of: error))])
        case .worker(.rescued(let count)): .warning("runs-rescued", ["count": .number(count)])

        case .supervisor(.started(let role, let slot, let pid)):
            .info("\(role)-started", ["slot": .number(slot), "child": .number(Int(pid))])
        case .supervisor(.ready(let role, let slot, let pid)):
            .info("\(role)-ready", ["slot": .number(slot), "child": .number(Int(pid))])
        case .supervisor(.allReady): .info("all-ready")
        case .supervisor(.startFailed(let role, let slot, let error)):
            .error("\(role)-not-started", ["slot": .number(slot), "reason": "\(error)"])
        case .supervisor(.exited(let role, let slot, let pid, let cause, let age)):
            Log.Entry(
                level: cause == .exited(0) ? .info : .warning, event: "\(role)-exited",
                fields: [
                    "slot": .number(slot), "child": .number(Int(pid)), "cause": "\(cause)", "seconds": .seconds(age),
                ])
        case .supervisor(.backingOff(let role, let slot, let delay)):
            .warning("\(role)-backing-off", ["slot": .number(slot), "seconds": .seconds(delay)])
        case .supervisor(.recycling(let role, let slot, let pid, .memory(let bytes))):
            .info(
                "\(role)-recycling",
                [
                    "slot": .number(slot), "child": .number(Int(pid)), "reason": "memory",
                    "megabytes": .number(bytes >> 20),
                ])
        case .supervisor(.recycling(let role, let slot, let pid, .requests(let count))):
            .info(
                "\(role)-recycling",
                [
                    "slot": .number(slot), "child": .number(Int(pid)), "reason": "requests",
                    "requests": .number(count),
                ])
        case .supervisor(.recycling(let role, let slot, let pid, .request)):
            .warning(
                "\(role)-recycling", ["slot": .number(slot), "child": .number(Int(pid)), "reason": "request"])
        // In the form of the line that the request would have had after its end.
        case .supervisor(.requestOverdue(let request, let slot, let pid)):
            .warning(
                "slow-request",
                [
                    "slot": .number(slot), "child": .number(Int(pid)),
                    "method": .text(request.endpoint.map { String($0.prefix { $0 != " " }) } ?? ""),
                    "route": .text(request.endpoint.map { String($0.drop { $0 != " " }.dropFirst()) } ?? ""),
                    "seconds": .seconds(request.duration),
                ])
        case .supervisor(.overdue(let role, let slot, let pid)):
            .error("\(role)-overdue", ["slot": .number(slot), "child": .number(Int(pid))])
        case .supervisor(.hung(let role, let slot, let pid)):
            .error("\(role)-hung", ["slot": .number(slot), "child": .number(Int(pid))])
        case .supervisor(.output(let role, let slot, let pid, let line)):
            // Perhaps the message of a crash, so that it is in the log at each level.
            .error(
                "output",
                ["role": "\(role)", "slot": .number(slot), "child": .number(Int(pid)), "line": .text(line)])
        case .supervisor(.emergencyRestart(let crashes)):
            .error("emergency-restart", ["crashes": .number(crashes)])
        case .supervisor(.reloading): .info("reloading")
        case .supervisor(.reloaded): .info("reloaded")
        case .supervisor(.reloadAbandoned(let slot)): .error("reload-abandoned", ["slot": .number(slot)])
        case .supervisor(.connectionDropped): .warning("connection-dropped")
        case .supervisor(.terminating): .info("terminating")

        case .engine(.callEnded(let call)) where call.isTrouble:
            .warning(
                "external-call-failed",
                [
                    "type": .text(call.type), "target": .text(call.target), "outcome": .text(call.outcome),
                    "seconds": .seconds(call.duration),
                ])
        case .program(.wroteErrors(let program, let id, let text)):
            .info("program-errors", ["program": .text(program), "execution_id": .text(id), "text": .text(text)])
        case .program(.notStarted(let program, let id, let reason)):
            .error(
                "program-not-started",
                ["program": .text(program), "execution_id": .text(id), "reason": .text(reason)])
        case .program(.lost(let program, let id, let reason)):
            .error("program-lost", ["program": .text(program), "execution_id": .text(id), "reason": .text(reason)])
        case .engine(.treeFull(let id)): .warning("descendant-limit-reached", ["execution_id": .text(id)])
        case .engine(.monthsMissing): .error("history-not-prepared")
        case .engine(.historyLocked): .warning("history-locked")
        case .engine(.historyDropped(let month)): .info("history-dropped", ["month": .text(month)])
        case .settingsUnknown(let names): .warning("settings-unknown", ["names": .text(names.joined(separator: " "))])
        case .sharedMemoryRefused(let error): .warning("shared-memory-refused", ["reason": "\(error)"])
        case .memoryFileRefused(let folder, let error):
            .warning("memory-file-refused", ["folder": .text(folder), "reason": "\(error)"])
        case .migrated(let text): .info("migrated", ["text": .text(text)])
        case .notMigrated(let error): .error("not-migrated", ["detail": .text(Self.detail(of: error))])
        case .runsNotExecuted(let error): .error("runs-not-executed", ["detail": .text(Self.detail(of: error))])
        case .socketRestored(let path): .error("socket-restored", ["path": .text(path)])
        case .socketNotRestored(let path, let error):
            .error("socket-not-restored", ["path": .text(path), "reason": "\(error)"])
        case .installationLost(let lock): .error("installation-lost", ["lock": .text(lock)])
        case .completionsUnavailable(let error):
            .warning("completions-unavailable", ["detail": .text(Self.detail(of: error))])
        case .eventsUnavailable(let error): .warning("events-unavailable", ["detail": .text(Self.detail(of: error))])

        // Written by itself, because it is the line of every request.
        case .application(.requestFinished): nil

        // What happens all the time, and what shows in the lines above if it makes a request or run fail.
        case .edge(.parkingFull), .application(.limitHit), .application(.scheduleDecided),
            .application(.notificationDelivered), .hashWaited,
            .engine(.claimed),
            .engine(.committed), .engine(.stepStarted), .engine(.stepFinished), .engine(.runFinished),
            .engine(.leaseLost), .engine(.callsChanged), .engine(.callEnded),
            .database(.connectionOpened), .database(.connectionLost), .database(.connectionClosed),
            .database(.roundTrip), .database(.failed), .edge(.parked), .application(.hashRefused),
            .eventStreams, .eventsDelivered, .eventReaderTooSlow:
            nil
        }
    }

    /// The line of what is only counted, for a log from the level `debug` on.
    var debugEntry: Log.Entry? {
        switch self {
        case .edge(.parkingFull): .debug("parking-full")
        case .application(.limitHit(let code)): .debug("limit-hit", ["code": .text(code)])
        case .engine(.claimed(let id)): .debug("run-claimed", ["execution_id": .text(id)])
        case .engine(.committed(let id)): .debug("run-committed", ["execution_id": .text(id)])
        case .engine(.stepFinished(let step)):
            .debug(
                "step-finished",
                ["type": .text(step.type), "status": "\(step.status)", "seconds": .seconds(step.duration)])
        case .engine(.runFinished(let status, let duration)):
            .debug("run-finished", ["status": "\(status)", "seconds": .seconds(duration)])
        case .engine(.callEnded(let call)):
            .debug(
                "external-call-ended",
                ["type": .text(call.type), "outcome": .text(call.outcome), "seconds": .seconds(call.duration)])
        case .application(.notificationDelivered(let duration)):
            .debug("notification-delivered", ["seconds": .seconds(duration)])
        case .engine(.leaseLost(let id)): .debug("lease-lost", ["execution_id": .text(id)])
        case .database(.connectionOpened): .debug("connection-opened")
        case .database(.connectionLost): .debug("connection-lost")
        case .hashWaited(let duration): .debug("hash-waited", ["seconds": .seconds(duration)])
        default: nil
        }
    }

    /// The detail for the operator; it includes the database's own message, which clients never see.
    private static func detail(of error: any Error) -> String {
        (error as? PostgresError)?.debugDescription ?? "\(error)"
    }
}

extension Log.Entry {
    static func debug(_ event: String, _ fields: KeyValuePairs<StaticString, Log.Value> = [:]) -> Log.Entry {
        Log.Entry(level: .debug, event: event, fields: fields)
    }

    static func info(_ event: String, _ fields: KeyValuePairs<StaticString, Log.Value> = [:]) -> Log.Entry {
        Log.Entry(level: .info, event: event, fields: fields)
    }

    static func warning(_ event: String, _ fields: KeyValuePairs<StaticString, Log.Value> = [:]) -> Log.Entry {
        Log.Entry(level: .warning, event: event, fields: fields)
    }

    static func error(_ event: String, _ fields: KeyValuePairs<StaticString, Log.Value> = [:]) -> Log.Entry {
        Log.Entry(level: .error, event: event, fields: fields)
    }
}
