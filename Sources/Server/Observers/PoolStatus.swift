import App
import HTTP
import JSON
import SharedMemory
import System

/// What the pool does at the moment, with the names of PHP-FPM's status page; as text for people and as JSON.
struct PoolStatus {
    /// A name and its value, in the order in which both forms show them.
    typealias Fields = [(name: String, value: JSON)]

    private let summary: Fields
    private let processes: [Process]

    /// A process and its threads.
    private struct Process {
        let fields: Fields
        let threads: [Fields]
    }

    /// - Parameters:
    ///   - queue: of the socket on which the responders listen; nil if the kernel does not tell.
    ///   - time: the time of day, in milliseconds since 1970.
    init(of memory: SharedMemory, queue: ListenQueue?, now: Monotonic = .now, time: Int64) {
        let processes = Scoreboard(in: memory).processes
        summary = Self.summary(of: memory, processes, queue, time)
        self.processes = processes.map { process in
            Process(
                fields: Self.fields(of: process, time),
                threads: process.threads.map { Self.fields(of: $0, in: process.role, now, time) })
        }
    }

    /// The answer of a responder, which has the listening socket as descriptor 0.
    static func response(in form: StatusForm, of memory: SharedMemory) -> Response {
        let status = PoolStatus(of: memory, queue: ListenQueue(of: 0), time: WallClock.nanoseconds / 1_000_000)
        if form.isJSON { return .json(status.json(isFull: form.isFull)) }
        return Response(
            status: .ok, headers: ["Content-Type": "text/plain; charset=utf-8"],
            body: Array(status.text(isFull: form.isFull).utf8))
    }

    /// - Parameter isFull: with the threads of each process.
    func text(isFull: Bool) -> String {
        let blocks = isFull ? processes.flatMap { process in process.threads.map { process.fields + $0 } } : []
        return ([summary] + blocks).map(Self.lines).joined(separator: String(repeating: "*", count: 24) + "\n")
    }

    /// - Parameter isFull: with the threads of each process.
    func json(isFull: Bool) -> JSON {
        var fields = summary
        if isFull {
            let processes = processes.map { process in
                Self.object(process.fields + [("threads", .array(process.threads.map(Self.object)))])
            }
            fields.append(("processes", .array(processes)))
        }
        return Self.object(fields)
    }

    private static func lines(_ fields: Fields) -> String {
        fields.map { name, value in
            "\(name):".padded(to: 23) + (value.stringValue ?? (value == .null ? "-" : value.text)) + "\n"
        }.joined()
    }

    private static func object(_ fields: Fields) -> JSON {
        .object(JSONObject(fields.map { JSONObject.Member(name: $0.name, value: $0.value) }))
    }

    private static func summary(
        of memory: SharedMemory, _ processes: [Scoreboard.Process], _ queue: ListenQueue?, _ time: Int64
    ) -> Fields {
        let record = PoolRecord(in: memory)
        let calls = HistogramTable(in: memory).total
        let counters = CounterTable(in: memory)
        func count(_ metric: Metric) -> JSON {
            let values = counters.all.filter { $0.text.prefix { $0 != "{" } == metric.rawValue }
            return JSON(values.reduce(0) { $0 + Int(clamping: $1.value) })
        }
        let (responders, workers) = (Load(of: processes, .responder), Load(of: processes, .worker))
        return [
            ("pool", "flow-manager"), ("version", .string(Routes.interface.version)),
            ("start time", record[.started].map { text(ofSecond: $0) } ?? .null),
            ("start since", record[.started].map { JSON(max(0, Int(time / 1_000) - $0)) } ?? .null),
            ("accepted conn", JSON(Int(clamping: calls.count))),
            ("listen queue", JSON(queue?.length)),
            ("max listen queue", JSON(max(record[.maxListenQueue] ?? 0, queue?.length ?? 0))),
            ("listen queue len", JSON(queue?.limit)),
            ("idle processes", JSON(responders.processes - responders.activeProcesses)),
            ("active processes", JSON(responders.activeProcesses)),
            ("total processes", JSON(responders.processes)),
            ("max active processes", JSON(max(record[.maxActiveProcesses] ?? 0, responders.activeProcesses))),
            ("idle threads", JSON(responders.threads - responders.activeThreads)),
            ("active threads", JSON(responders.activeThreads)),
            ("total threads", JSON(responders.threads)),
            ("max active threads", JSON(max(record[.maxActiveThreads] ?? 0, responders.activeThreads))),
            ("slow requests", count(.slowRequests)),
            ("replaced processes", count(.processReplacements)),
            ("emergency restarts", count(.emergencyRestarts)),
            ("parked calls", JSON(responders.sum(of: .parked))),
            ("total workers", JSON(workers.processes)),
            ("idle worker threads", JSON(workers.threads - workers.activeThreads)),
            ("active worker threads", JSON(workers.activeThreads)),
            ("total worker threads", JSON(workers.threads)),
            ("threads not shown", JSON(responders.sum(of: .hidden) + workers.sum(of: .hidden))),
            ("database connections", JSON(responders.sum(of: .connections) + workers.sum(of: .connections))),
        ]
    }

    private static func fields(of process: Scoreboard.Process, _ time: Int64) -> Fields {
        [
            ("pid", JSON(Int(process.id))), ("role", .string("\(process.role)")),
            ("start time", text(ofSecond: Int(clamping: process.begun))),
            ("start since", JSON(max(0, Int(time / 1_000) - Int(clamping: process.begun)))),
        ]
    }

    /// An idle thread shows what it did last, and since when it has been idle.
    private static func fields(
        of thread: Scoreboard.Thread, in role: Scoreboard.Role, _ now: Monotonic, _ time: Int64
    ) -> Fields {
        let milliseconds = thread.since.map { max(0, (now - $0).milliseconds) }
        let activity = thread.activity.flatMap { Activities.names[$0] }
        let common: Fields = [
            ("state", thread.isBusy ? "Running" : "Idle"),
            ("since", milliseconds.map { .string(RFC3339.text(milliseconds: time - $0)) } ?? .null),
            ("duration", milliseconds.map { .number(Double($0) / 1_000) } ?? .null),
        ]
        switch role {
        case .responder: return common + [("requests", JSON(Int(clamping: thread.count))), ("route", JSON(activity))]
        case .worker:
            return common + [
                ("runs", JSON(Int(clamping: thread.count))), ("run", JSON(uuid(thread.run))),
                ("task type", JSON(activity)),
            ]
        }
    }

    /// Nil for zeros: no run.
    private static func uuid(_ words: (UInt64, UInt64)) -> String? {
        guard words != (0, 0) else { return nil }
        let digits = [words.0, words.1].map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        var rest = digits[...]
        return [8, 4, 4, 4, 12].map { length in
            defer { rest = rest.dropFirst(length) }
            return String(rest.prefix(length))
        }.joined(separator: "-")
    }

    /// Of a time after the year 9999, which no clock shows: that of its end.
    private static func text(ofSecond second: Int) -> JSON {
        .string(RFC3339.text(milliseconds: Int64(min(max(0, second), 253_402_300_799)) * 1_000))
    }
}

/// How busy the processes of one role are.
struct Load {
    private let members: [Scoreboard.Process]

    init(of processes: [Scoreboard.Process], _ role: Scoreboard.Role) {
        members = processes.filter { $0.role == role }
    }

    var processes: Int { members.count }
    var activeProcesses: Int { members.count { $0.threads.contains(where: \.isBusy) } }
    var threads: Int { members.reduce(0) { $0 + $1.threads.count } }
    var activeThreads: Int { members.reduce(0) { $0 + $1.threads.count(where: \.isBusy) } }

    func sum(of gauge: Scoreboard.Gauge) -> Int { members.reduce(0) { $0 + ($1.gauges[gauge] ?? 0) } }
}
