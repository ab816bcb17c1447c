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
/// The series of a request or a step is found by a small key, so that its text is made only once. Values of labels come
/// from lists of the program: a method or type that is none of these is counted as `other`.
final class Metrics: Sendable {
    private let counters: CounterTable
    private let histograms: HistogramTable
    private let scoreboard: Scoreboard
    private let row = Mutex<ProcessRow?>(nil)
    /// The places of series; nil if there is none left.
    private let places = Mutex<[Key: CounterTable.Place?]>([:])
    private let routes = Mutex<[Int: HistogramTable.Place?]>([:])

    /// A metric with the values of its labels.
    private struct Key: Hashable {
        let metric: Metric
        var first = ""
        var second = ""
    }

    init(in memory: SharedMemory) {
        counters = CounterTable(in: memory)
        histograms = HistogramTable(in: memory)
        scoreboard = Scoreboard(in: memory)
    }

    /// Shows this process in the scoreboard, and from now on what it has open.
    func enter(as role: Scoreboard.Role) {
        row.withLock { $0 = scoreboard.enter(as: role, at: UInt64(WallClock.seconds)) }
    }

    /// Publishes zeros for what has not happened yet: Prometheus sees an increase only between two values.
    func beginWithZeros() {
        for metric in [
            .roundTrips, .hashWaits, .hashWaitTime, .hashesRefused, .loginsFailed, .stepRetries, .creditsSettled,
            .leaseLosses, .runsRescued, .logLinesDropped,
        ] as [Metric] { add(0, metric) }
        for role in Role.allCases {
            add(0, .processStarts, "role", "\(role)")
            for cause in ["normal", "failure", "signal"] {
                add(0, .processExits, "role", "\(role)", "cause", cause)
            }
        }
    }

    /// Counts lines of the log.
    func countDroppedLines(_ lines: Int) { add(UInt64(lines), .logLinesDropped) }

    func observe(_ observation: Observation) {
        switch observation {
        case .application(.requestFinished(let request)): count(request)
        case .application(.limitHit(let code)): add(1, .callsRefused, "code", code)
        case .application(.hashRefused): add(1, .hashesRefused)
        case .edge(.parked(let change)): add(change, to: .parked)
        case .database(let event): count(event)
        case .engine(let event): count(event)
        case .hashWaited(let duration):
            guard duration > .zero else { return }
            add(1, .hashWaits)
            add(duration.wholeNanoseconds, .hashWaitTime)
        case .worker(.rescued(let runs)): add(UInt64(runs), .runsRescued)
        case .supervisor(.started(let role, _, _)): add(1, .processStarts, "role", "\(role)")
        case .supervisor(.exited(let role, _, _, let cause, _)):
            add(1, .processExits, "role", "\(role)", "cause", cause.label)
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
        if let place { histograms.add(request.duration.wholeNanoseconds, to: place) }
        if request.route == "/login", request.status == Status.unauthorized.rawValue { add(1, .loginsFailed) }
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
        case .roundTrip: add(1, .roundTrips)
        case .failed(let sqlClass): add(1, .databaseErrors, "class", sqlClass ?? "connection")
        case .waitsRefused, .waitsAccepted: break
        }
    }

    private func count(_ event: EngineEvent) {
        switch event {
        case .stepFinished(let step):
            add(1, .stepsFinished, "type", step.type, "status", step.status.rawValue)
            add(step.duration.wholeNanoseconds, .stepDuration, "type", step.type)
            if step.attempts > 1 { add(UInt64(step.attempts - 1), .stepRetries) }
            if step.cost > 0 { add(UInt64(step.cost), .creditsSettled) }
        case .runFinished(let status, _): add(1, .runsFinished, "status", status.rawValue)
        case .leaseLost: add(1, .leaseLosses)
        case .claimed, .committed, .treeFull, .stepStarted: break
        }
    }

    private func add(_ change: Int, to gauge: Scoreboard.Gauge) {
        row.withLock { $0?.add(change, to: gauge) }
    }

    private func add(
        _ amount: UInt64, _ metric: Metric, _ first: String = "", _ value: String = "", _ second: String = "",
        _ other: String = ""
    ) {
        let place = places.withLock { places -> CounterTable.Place? in
            let key = Key(metric: metric, first: value, second: other)
            if let known = places[key] { return known }
            let labels: KeyValuePairs =
                first.isEmpty ? [:] : second.isEmpty ? [first: value] : [first: value, second: other]
            let place = counters.place(of: metric.series(labels))
            places[key] = .some(place)
            return place
        }
        if let place { counters.add(amount, to: place) }
    }
}

extension Duration {
    /// Never negative.
    fileprivate var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds / 1_000_000_000))
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
