import System

/// The runs that the callers of this process wait for, the deadlines, and the runs to query next. It does no I/O.
///
/// ```
///          query           query            notified, or found ended
///   new ---------> unconfirmed ---> confirmed ----------------------> removed
/// ```
///
/// A new run must be registered before it is queried, so that its end is notified. An end that is being committed at
/// that moment is neither notified nor found: the second query finds it. Each later round finds ends that were not
/// notified.
struct WaitingCalls<Caller: Sendable>: Sendable {
    /// The interval between two queries of all runs.
    static var round: Duration { .seconds(1) }
    /// The time from a run's first query to its second: longer than a commit takes.
    static var recheckDelay: Duration { .milliseconds(50) }

    private enum Stage {
        case new
        case unconfirmed(until: Monotonic)
        case confirmed
    }

    private struct Run {
        var stage = Stage.new
        var callers: [(caller: Caller, deadline: Monotonic)] = []
    }

    private var runs: [String: Run] = [:]
    private var nextRound = Monotonic(sinceBoot: .zero)

    /// Adds a caller that waits for the end of a run.
    mutating func add(_ caller: Caller, for run: String, until deadline: Monotonic) {
        runs[run, default: Run()].callers.append((caller, deadline))
    }

    /// The ids of all runs that callers wait for.
    var all: [String] { Array(runs.keys) }

    /// When `query` or `removeExpired` is due without a notification; nil while no caller waits.
    var next: Monotonic? {
        guard !runs.isEmpty else { return nil }
        var next = nextRound
        for run in runs.values {
            if case .unconfirmed(let limit) = run.stage { next = min(next, limit) }
            for (_, deadline) in run.callers { next = min(next, deadline) }
        }
        return next
    }

    /// The runs to register and then query, and the runs only to query. Each run is returned once per round.
    mutating func query(at now: Monotonic) -> (new: [String], registered: [String]) {
        let isRound = nextRound <= now
        if isRound { nextRound = now + Self.round }
        var (new, registered): ([String], [String]) = ([], [])
        for (id, run) in runs {
            switch run.stage {
            case .new:
                runs[id]?.stage = .unconfirmed(until: now + Self.recheckDelay)
                new.append(id)
            case .unconfirmed(let limit) where limit <= now:
                runs[id]?.stage = .confirmed
                registered.append(id)
            case .unconfirmed, .confirmed: if isRound { registered.append(id) }
            }
        }
        return (new, registered)
    }

    /// Removes and returns the callers of these runs, which have ended.
    mutating func end(_ over: some Sequence<String>) -> [Caller] {
        over.flatMap { runs.removeValue(forKey: $0)?.callers.map(\.caller) ?? [] }
    }

    /// Removes callers after their deadline, and callers that have disconnected. Returns the former, and the runs
    /// that have no callers left.
    mutating func removeExpired(
        at now: Monotonic, isDisconnected: (Caller) -> Bool
    ) -> (late: [Caller], abandoned: [String]) {
        var (late, abandoned): ([Caller], [String]) = ([], [])
        for (id, run) in runs {
            guard run.callers.contains(where: { $0.deadline <= now || isDisconnected($0.caller) }) else { continue }
            let connected = run.callers.filter { !isDisconnected($0.caller) }
            let remaining = connected.filter { $0.deadline > now }
            late += connected.filter { $0.deadline <= now }.map(\.caller)
            runs[id]?.callers = remaining
            if remaining.isEmpty {
                runs[id] = nil
                abandoned.append(id)
            }
        }
        return (late, abandoned)
    }
}
