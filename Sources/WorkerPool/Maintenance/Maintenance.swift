package import System

/// The duties of a worker process, and when each of them is due.
package struct Maintenance {
    private struct Entry {
        let duty: Duty
        /// When the duty is due, or has become due if it is unfinished.
        var due: Monotonic
        /// Whether its last call failed; the failure has been reported.
        var isFailing = false
        var isUnfinished = false

        mutating func run(at now: Monotonic, _ observe: (WorkerEvent) -> Void) {
            do {
                isUnfinished = true
                if case .done = try duty.body(observe) {
                    // Missed calls are skipped.
                    let next = due + duty.interval
                    due = next > now ? next : now + duty.interval
                    isUnfinished = false
                }
                isFailing = false
            } catch {
                if !isFailing { observe(.dutyFailed(duty.name, error)) }
                isFailing = true
                isUnfinished = false
            }
        }
    }

    private var entries: [Entry]

    package init(_ duties: [Duty], from now: Monotonic) {
        entries = duties.map { duty in
            Entry(duty: duty, due: now + duty.interval * Double.random(in: duty.initialDelay))
        }
    }

    /// Whether a worker should not exit yet although nothing else is due.
    package var delaysExit: Bool { entries.contains { $0.duty.delaysExit && $0.isUnfinished } }

    /// Calls each duty that is due, in order. A duty that fails does not affect the others.
    package mutating func run(at now: Monotonic, observe: (WorkerEvent) -> Void) {
        for index in entries.indices where entries[index].due <= now { entries[index].run(at: now, observe) }
    }
}
