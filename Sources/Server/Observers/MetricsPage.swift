import App
import Crypto
import Flows
import Glibc
import HTTP
import Postgres
import SharedMemory
import System

/// The page of `GET /metrics`: Prometheus' text format 0.0.4, for all processes of the pool together.
struct MetricsPage {
    private let memory: SharedMemory
    /// The parent process of the pool.
    private let main: pid_t
    private let hashing: Slots
    private let engine: Engine

    init(of memory: PoolMemory, hashing: Slots, engine: Engine) {
        (self.memory, main) = (memory.memory, memory.main)
        self.hashing = hashing
        self.engine = engine
    }

    /// - Parameter connection: without an answer from it, the page leaves out what only the database knows.
    func text(over connection: Connection) -> String {
        var exposition = Exposition()
        let counters = CounterTable(in: memory).all
        exposition.add(histograms: HistogramTable(in: memory).all)
        for (series, value) in counters { exposition.add(series, value) }
        add(Scoreboard(in: memory).processes, to: &exposition)
        addListenQueue(to: &exposition)
        addQueue(over: connection, to: &exposition)
        addProcesses(to: &exposition)
        exposition.add(.hashesRunning, hashing.held)
        exposition.add(Metric.buildInfo.series(["version": Routes.interface.version]), 1)
        return exposition.text
    }

    private func add(_ processes: [Scoreboard.Process], to exposition: inout Exposition) {
        func sum(_ gauge: Scoreboard.Gauge) -> Int { processes.reduce(0) { $0 + ($1.gauges[gauge] ?? 0) } }
        exposition.add(.databaseConnections, sum(.connections))
        exposition.add(.parkedCalls, sum(.parked))
        exposition.add(.eventStreams, sum(.streams))
        for (state, gauge) in [("running", Scoreboard.Gauge.callsRunning), ("waiting", .callsWaiting)] {
            exposition.add(Metric.externalCalls.series(["state": state]), UInt64(max(0, sum(gauge))))
        }
        var inFlight = sum(.parked)
        for role in Scoreboard.Role.allCases {
            let ofRole = processes.filter { $0.role == role }
            exposition.add(Metric.processes.series(["role": "\(role)"]), UInt64(ofRole.count))
            let threads = ofRole.flatMap(\.threads)
            let busy = threads.count(where: \.isBusy)
            if role == .responder { inFlight += busy }
            var states = [("busy", busy), ("idle", threads.count - busy)]
            let hidden = ofRole.reduce(0) { $0 + ($1.gauges[.hidden] ?? 0) }
            if hidden > 0 { states.append(("unknown", hidden)) }
            for (state, count) in states {
                exposition.add(Metric.threads.series(["role": "\(role)", "state": state]), UInt64(count))
            }
        }
        exposition.add(.requestsInFlight, inFlight)
    }

    private func addListenQueue(to exposition: inout Exposition) {
        // A responder's descriptor 0 is the socket on which it listens.
        guard let queue = ListenQueue(of: 0) else { return }
        exposition.add(.listenQueue, queue.length)
        exposition.add(.listenQueueLimit, queue.limit)
    }

    private func addQueue(over connection: Connection, to exposition: inout Exposition) {
        let figures: QueueFigures
        do {
            figures = try engine.queueFigures(on: connection)
        } catch {
            // Any other error is an answer too.
            exposition.add(.databaseUp, (error as? PostgresError)?.isUnavailability == true ? 0 : 1)
            return
        }
        exposition.add(.databaseUp, 1)
        for (state, count) in figures.runs {
            exposition.add(Metric.queueRuns.series(["state": state.rawValue]), UInt64(count))
        }
        exposition.add(.oldestDue, seconds: figures.oldestDue)
        exposition.add(.deadLetters, figures.deadLetters)
        exposition.add(.oldestDueSchedule, seconds: figures.oldestDueSchedule)
        exposition.add(.pendingNotifications, figures.notifications)
        exposition.add(.oldestDueNotification, seconds: figures.oldestDueNotification)
        addHistory(over: connection, to: &exposition)
    }

    /// Without an answer the sizes are left out: a table may be locked.
    private func addHistory(over connection: Connection, to exposition: inout Exposition) {
        guard let figures = try? engine.historyFigures(on: connection) else { return }
        for table in figures.tables {
            exposition.add(Metric.tableBytes.series(["table": table.name]), UInt64(table.bytes))
            exposition.add(Metric.indexBytes.series(["table": table.name]), UInt64(table.indexBytes))
        }
        if let month = figures.oldestMonth { exposition.add(.oldestMonth, month) }
        exposition.add(.monthsAhead, figures.monthsAhead)
        exposition.add(.unplannedRuns, figures.hasUnplannedRuns ? 1 : 0)
    }

    /// Of the supervisor and its children, or else of this process.
    private func addProcesses(to exposition: inout Exposition) {
        // The supervisor may have been killed, and its id belong to another process.
        guard main == getpid() || main == getppid() else { return }
        guard let figures = FamilyFigures(of: main) else { return }
        exposition.add(.processorTime, seconds: neverLess(figures.processorTime))
        exposition.add(.residentMemory, figures.residentMemory)
        if let started = PoolRecord(in: memory)[.started] { exposition.add(.startTime, started) }
        exposition.add(.openDescriptors, figures.largestOpenDescriptors)
        exposition.add(.maximumDescriptors, ProcessFigures.maximumDescriptors)
    }

    /// The largest value that any process has shown, because a counter must not go back.
    private func neverLess(_ seconds: Double) -> Double {
        let (counters, name) = (CounterTable(in: memory), "largest processor time, ms")
        guard let place = counters.place(of: name) else { return seconds }
        counters.raise(place, to: UInt64(seconds * 1_000))
        return Double(counters.value(of: name) ?? 0) / 1_000
    }
}
