import System

/// Which runs the callers of this process wait for, and until when; and which of them to look at. Decides, does nothing.
///
/// ```
///          look           look             told, or found over
///   new ---------> young ---------> known ---------------------> gone
/// ```
///
/// A run that is new has to be registered before it is looked at, so that its end is told. An end that was being committed
/// just then is neither told nor found: the second look finds it. After that each round is for ends that nobody told of.
struct WaitingCalls<Caller> {
    /// The time from one look at all runs to the next.
    static var round: Duration { .seconds(1) }
    /// The time from a run's first look to its second: longer than a commit takes.
    static var recheckDelay: Duration { .milliseconds(50) }

    private enum Stage {
        case new
        case young(until: Monotonic)
        case known
    }

    private struct Run {
        var stage = Stage.new
        var callers: [(caller: Caller, deadline: Monotonic)] = []
    }

    private var runs: [String: Run] = [:]
    private var nextRound = Monotonic(sinceBoot: .zero)

    /// Lets the caller wait for the end of a run.
    mutating func add(_ caller: Caller, for run: String, until deadline: Monotonic) {
        runs[run, default: Run()].callers.append((caller, deadline))
    }

    /// The ids of all runs that are waited for.
    var all: [String] { Array(runs.keys) }

    /// When there is something to do again though nothing happens; nil while nobody waits.
    var next: Monotonic? {
        guard !runs.isEmpty else { return nil }
        var next = nextRound
        for run in runs.values {
            if case .young(let limit) = run.stage { next = min(next, limit) }
            for (_, deadline) in run.callers { next = min(next, deadline) }
        }
        return next
    }

    /// The runs to register and then to look at, and those only to look at. Each is given out once until its next turn.
    mutating func look(at now: Monotonic) -> (new: [String], registered: [String]) {
        let isRound = nextRound <= now
        if isRound { nextRound = now + Self.round }
        var (new, registered): ([String], [String]) = ([], [])
        for (id, run) in runs {
            switch run.stage {
            case .new:
                runs[id]?.stage = .young(until: now + Self.recheckDelay)
                new.append(id)
            case .young(let limit) where limit <= now:
                runs[id]?.stage = .known
                registered.append(id)
            case .young, .known: if isRound { registered.append(id) }
            }
        }
        return (new, registered)
    }

    /// Takes out those who waited for these runs, which are over.
    mutating func end(_ over: some Sequence<String>) -> [Caller] {
        over.flatMap { runs.removeValue(forKey: $0)?.callers.map(\.caller) ?? [] }
    }

    /// Takes out those whose time is up or who have left: the former, and the runs that nobody waits for any more.
    mutating func dismiss(
        at now: Monotonic, hasLeft: (Caller) -> Bool
    ) -> (late: [Caller], abandoned: [String]) {
        var (late, abandoned): ([Caller], [String]) = ([], [])
        for (id, run) in runs {
            guard run.callers.contains(where: { $0.deadline <= now || hasLeft($0.caller) }) else { continue }
            let present = run.callers.filter { !hasLeft($0.caller) }
            let staying = present.filter { $0.deadline > now }
            late += present.filter { $0.deadline <= now }.map(\.caller)
            runs[id]?.callers = staying
            if staying.isEmpty {
                runs[id] = nil
                abandoned.append(id)
            }
        }
        return (late, abandoned)
    }
}
