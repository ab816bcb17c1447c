import App
import FastCGI
import Flows
import HTTP
import Postgres
import SharedMemory
import Supervision
import Synchronization
import System
import WorkerPool

/// Counts the observations of this process, in the memory that all processes of the pool share.
///
/// Values of labels come from lists of the program: a method that is none of these is counted as `other`.
final class Metrics: Sendable {
    private let histograms: HistogramTable
    private let scoreboard: Scoreboard
    /// How long a request takes that counts as slow; nil: none does.
    private let slowRequest: Duration?
    private let row = Mutex<ProcessRow?>(nil)
    /// The places of histograms; nil if there is none left.
    private let routes = Mutex<[Int: HistogramTable.Place?]>([:])

    private let callsRefused: LabelledCounter<String>
    private let slowRequests, roundTrips, hashWaits, hashWaitTime, hashesRefused, loginsFailed: Counter
    private let databaseErrors: LabelledCounter<String>
    private let stepsFinished: LabelledCounter<StepLabels>
    private let stepDuration: LabelledCounter<String>
    private let runsFinished: LabelledCounter<ExecutionStatus>
    private let externalCallsEnded: LabelledCounter<String>
    private let externalCallTime: Counter
    private let eventsDelivered, slowEventReaders: Counter
    private let schedulesDecided: LabelledCounter<ScheduleOutcome>
    private let notifications: LabelledCounter<String>
    private let stepRetries, creditsSettled, leaseLosses, runsRescued, logLinesDropped: Counter
    private let processStarts: LabelledCounter<Role>
    private let processExits: LabelledCounter<ExitLabels>
    private let processReplacements: LabelledCounter<ReplacementLabels>
    private let emergencyRestarts: Counter

    private struct StepLabels: Hashable {
        let type: String
        let status: StepStatus

        /// One of the texts is enough: a type ends with few statuses.
        func hash(into hasher: inout Hasher) { hasher.combine(type) }
    }

    private struct ExitLabels: Hashable {
        let role: Role
        let cause: String
    }

    private struct ReplacementLabels: Hashable {
        let role: Role
        let reason: String
    }

    init(in memory: SharedMemory, slowRequest: Duration? = nil) {
        self.slowRequest = slowRequest
        let table = CounterTable(in: memory)
        histograms = HistogramTable(in: memory)
        scoreboard = Scoreboard(in: memory)
        callsRefused = LabelledCounter(.callsRefused, in: table) { ["code": $0] }
        slowRequests = Counter(.slowRequests, in: table)
        roundTrips = Counter(.roundTrips, in: table)
        hashWaits = Counter(.hashWaits, in: table)
        hashWaitTime = Counter(.hashWaitTime, in: table)
        hashesRefused = Counter(.hashesRefused, in: table)
        loginsFailed = Counter(.loginsFailed, in: table)
        databaseErrors = LabelledCounter(.databaseErrors, in: table) { ["class": $0] }
        stepsFinished = LabelledCounter(.stepsFinished, in: table) {
            ["type": $0.type, "status": $0.status.rawValue]
        }
        stepDuration = LabelledCounter(.stepDuration, in: table) { ["type": $0] }
        runsFinished = LabelledCounter(.runsFinished, in: table) { ["status": $0.rawValue] }
        externalCallsEnded = LabelledCounter(.externalCallsEnded, in: table) { ["outcome": $0] }
        externalCallTime = Counter(.externalCallTime, in: table)
        eventsDelivered = Counter(.eventsDelivered, in: table)
        slowEventReaders = Counter(.slowEventReaders, in: table)
        schedulesDecided = LabelledCounter(.schedulesDecided, in: table) { ["outcome": $0.rawValue] }
        notifications = LabelledCounter(.notifications, in: table) { ["outcome": $0] }
        stepRetries = Counter(.stepRetries, in: table)
        creditsSettled = Counter(.creditsSettled, in: table)
        leaseLosses = Counter(.leaseLosses, in: table)
        runsRescued = Counter(.runsRescued, in: table)
        logLinesDropped = Counter(.logLinesDropped, in: table)
        processStarts = LabelledCounter(.processStarts, in: table) { ["role": "\($0)"] }
        processExits = LabelledCounter(.processExits, in: table) { ["role": "\($0.role)", "cause": $0.cause] }
        processReplacements = LabelledCounter(.processReplacements, in: table) {
            ["role": "\($0.role)", "reason": $0.reason]
        }
        emergencyRestarts = Counter(.emergencyRestarts, in: table)
    }

    /// Shows this process in the scoreboard, and from now on what it has open.
    func enter(as role: Scoreboard.Role) {
        row.withLock { $0 = scoreboard.enter(as: role, at: UInt64(WallClock.seconds)) }
    }

    /// Publishes zeros for the starts and exits of processes, which only the supervisor counts.
    func beginWithZeros() {
        for role in Role.allCases {
            processStarts.add(0, for: role)
            for cause in ["normal", "failure", "signal"] {
                processExits.add(0, for: ExitLabels(role: role, cause: cause))
            }
            for reason in ReplacementReason.labels + [Self.hung] {
                processReplacements.add(0, for: ReplacementLabels(role: role, reason: reason))
            }
        }
    }

    /// The reason of a replacement of a process that has sent no heartbeat.
    private static let hung = "hung"

    /// Counts lines of the log.
    func countDroppedLines(_ lines: Int) { logLinesDropped.add(UInt64(lines)) }

    func observe(_ observation: Observation) {
        switch observation {
        case .application(.requestFinished(let request)): count(request)
        case .application(.limitHit(let code)): callsRefused.add(for: code)
        case .application(.hashRefused): hashesRefused.add()
        case .application(.scheduleDecided(let outcome)): schedulesDecided.add(for: outcome)
        case .application(.scheduleFailed): schedulesDecided.add(for: .failed)
        case .application(.notificationDelivered): notifications.add(for: "delivered")
        case .application(.notificationFailed): notifications.add(for: "failed")
        case .application(.notificationDead): notifications.add(for: "dead")
        case .edge(.parked(let change)): add(change, to: .parked)
        case .eventStreams(let change): add(change, to: .streams)
        case .eventsDelivered(let count): eventsDelivered.add(UInt64(count))
        case .eventReaderTooSlow: slowEventReaders.add()
        case .database(let event): count(event)
        case .engine(let event): count(event)
        case .hashWaited(let duration):
            guard duration > .zero else { return }
            hashWaits.add()
            hashWaitTime.add(duration.nanoseconds)
        case .worker(.rescued(let runs)): runsRescued.add(UInt64(runs))
        case .supervisor(.started(let role, _, _)): processStarts.add(for: role)
        case .supervisor(.requestOverdue): slowRequests.add()
        case .supervisor(.recycling(let role, _, _, let reason)):
            processReplacements.add(for: ReplacementLabels(role: role, reason: reason.label))
        case .supervisor(.hung(let role, _, _)):
            processReplacements.add(for: ReplacementLabels(role: role, reason: Self.hung))
        case .supervisor(.emergencyRestart): emergencyRestarts.add()
        case .supervisor(.exited(let role, _, _, let cause, _)):
            processExits.add(for: ExitLabels(role: role, cause: cause.label))
        default: break
        }
    }

    private func count(_ request: FinishedRequest) {
        // A status has three digits.
        let key = ((request.endpoint ?? -1) + 1) << 10 | request.status & 0x3ff
        let place = routes.withLock { routes -> HistogramTable.Place? in
            if let known = routes[key] { return known }
            let place = histograms.place(of: Self.series(of: request))
            routes[key] = .some(place)
            return place
        }
        if let place { histograms.add(request.duration.nanoseconds, to: place) }
        if request.isSlow(after: slowRequest) { slowRequests.add() }
        if request.route == "/login", request.status == Status.unauthorized.rawValue { loginsFailed.add() }
    }

    private static func series(of request: FinishedRequest) -> String {
        let endpoint = request.endpoint.map { Routes.all[$0] }
        return Metric.requestDuration.series([
            "method": endpoint?.method.rawValue ?? "other", "route": endpoint?.path ?? "none",
            "status": "\(request.status)",
        ])
    }

    private func count(_ event: PostgresEvent) {
        switch event {
        case .connectionOpened: add(1, to: .connections)
        case .connectionLost, .connectionClosed: add(-1, to: .connections)
        case .roundTrip: roundTrips.add()
        case .failed(let sqlClass): databaseErrors.add(for: sqlClass ?? "connection")
        case .waitsRefused, .waitsAccepted: break
        }
    }

    private func count(_ event: EngineEvent) {
        switch event {
        case .stepFinished(let step):
            stepsFinished.add(for: StepLabels(type: step.type, status: step.status))
            stepDuration.add(step.duration.nanoseconds, for: step.type)
            if step.attempts > 1 { stepRetries.add(UInt64(step.attempts - 1)) }
            if step.cost > 0 { creditsSettled.add(UInt64(step.cost)) }
        case .runFinished(let status, _): runsFinished.add(for: status)
        case .leaseLost: leaseLosses.add()
        case .callsChanged(let running, let waiting):
            add(running, to: .callsRunning)
            add(waiting, to: .callsWaiting)
        case .callEnded(let call):
            externalCallsEnded.add(for: call.outcome)
            externalCallTime.add(call.duration.nanoseconds)
        case .claimed, .committed, .treeFull, .stepStarted, .monthsMissing, .historyLocked,
            .historyDropped:
            break
        }
    }

    private func add(_ change: Int, to gauge: Scoreboard.Gauge) {
        row.withLock { $0?.add(change, to: gauge) }
    }
}

extension ReplacementReason {
    /// All labels.
    fileprivate static let labels = ["memory", "requests", "request"]

    fileprivate var label: String {
        switch self {
        case .memory: "memory"
        case .requests: "requests"
        case .request: "request"
        }
    }
}

extension ExitCause {
    fileprivate var label: String {
        switch self {
        case .exited(0): "normal"
        case .exited: "failure"
        case .signalled: "signal"
        case .unknown: "unknown"
        }
    }
}
