package import JSON
package import Postgres

/// One kind of work that a flow can do. Adding one is a file in `App/Tasks` and a line in its list.
///
/// Not named `Task`, which would shadow Swift's.
package protocol FlowTask: Sendable {
    /// What a flow's task names in `type`, such as `data.store`.
    var type: String { get }
    /// One sentence for the catalog and the docs.
    var summary: String { get }
    var effect: Effect { get }
    /// Checked before `run`; an input that does not fit fails the step.
    var input: JSONSchema { get }
    var output: JSONSchema { get }
    /// Does the work and returns the step's output. Throws `TaskFailure` when the step has failed; any other
    /// error means that the run itself cannot go on.
    func run(_ input: JSON, in context: TaskContext) throws -> JSON
}

/// What a task does to the world, which decides when its result is committed.
package enum Effect: String, Sendable {
    /// Reads and computes only: running it again shows to nobody, so its result rides in the next commit.
    case pure
    /// Writes to this database only: its result commits in the transaction of its effect, so both happen once.
    case transactional
}

/// What a running task is given.
package struct TaskContext {
    package let executionID: String
    /// The number of the step in its execution, from 1.
    package let step: Int
    package let userID: String
    /// For a `.transactional` task the open transaction; others only read through it.
    package let connection: Connection

    package init(executionID: String, step: Int, userID: String, connection: Connection) {
        self.executionID = executionID
        self.step = step
        self.userID = userID
        self.connection = connection
    }
}

/// Why a step failed, as the caller sees it: minimal, nothing internal.
package struct TaskFailure: Error, Sendable, Equatable {
    package let code: String
    package let message: String

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    /// The input breaks the task's schema; without a pointer where all of it does.
    package init(invalidInput violation: Violation) {
        let place = violation.pointer.isEmpty ? "" : "\(violation.pointer): "
        self.init(code: "invalid_input", message: place + violation.message)
    }

    package var json: JSON { ["code": .string(code), "message": .string(message)] }

    init?(json: JSON) {
        guard let code = json["code"]?.stringValue, let message = json["message"]?.stringValue else { return nil }
        self.init(code: code, message: message)
    }
}
