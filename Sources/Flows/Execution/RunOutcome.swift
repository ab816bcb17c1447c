package import JSON
package import Postgres

/// The state of a run when its execution on this thread is finished.
package enum RunOutcome: Sendable {
    /// With the texts of its steps' outputs, unless a worker has executed it.
    case ended(Execution, outputs: [JSONText])
    /// The run is in the queue.
    case waits(Execution)

    package var execution: Execution {
        switch self {
        case .ended(let execution, _), .waits(let execution): execution
        }
    }
}

/// What a caller adds to the commits of a run that it starts.
package struct CommitHooks {
    /// Called first in the run's first transaction. If it throws, the run ends and nothing is committed.
    package let open: (Connection) throws -> Void
    /// Statements that commit together with the run's end.
    package let close: (Execution) -> [SQL]

    package init(open: @escaping (Connection) throws -> Void, close: @escaping (Execution) -> [SQL]) {
        self.open = open
        self.close = close
    }
}
