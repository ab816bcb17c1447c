package import JSON
package import Postgres
import Synchronization

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

/// A task that may have to wait for what happens outside of its thread: for a time, a person, another run.
package protocol WaitingTask: FlowTask {
    /// Called when the step begins and each time that the run is woken; between two calls no thread is held.
    func advance(_ input: JSON, in context: TaskContext) throws -> Progress
}

extension WaitingTask {
    package var effect: Effect { .waiting }

    /// Waiting is not possible here: a task that is not done at once fails.
    package func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        guard case .done(let output) = try advance(input, in: context) else {
            throw TaskFailure(code: "cannot_wait", message: "This task has to wait, which is not possible here")
        }
        return output
    }
}

/// How far a waiting task has come.
package enum Progress: Sendable {
    case done(JSON)
    /// Until then, or until the run is woken. The statements commit together with the wait; `keeping` is what the task
    /// is given back as `TaskContext.kept`.
    case wait(until: Due, keeping: JSON, together: [SQL] = [])
}

/// When a run goes on.
package enum Due: Sendable {
    case after(Duration)
    /// A time as Postgres reads it (RFC 3339), or after so long if that is earlier.
    case at(String, orAfter: Duration? = nil)
    /// Not before somebody wakes it.
    case woken
}

/// What a task does to the world, which decides when its result is committed.
package enum Effect: String, Sendable, CaseIterable {
    /// Reads and computes only: running it again shows to nobody, so its result rides in the next commit.
    case pure
    /// Writes to this database only: its result commits in the transaction of its effect, so both happen once.
    case transactional
    /// Acts elsewhere: that it begins is committed before, its result after. A run whose process dies in between does it
    /// again, with the same idempotency key.
    case external
    /// Waits without a thread.
    case waiting
}

/// What a running task is given.
package struct TaskContext {
    package let executionID: String
    /// The number of the step in its execution, from 1.
    package let step: Int
    /// Which try of the step this is, from 1.
    package let attempt: Int
    package let userID: String
    /// For a `.transactional` task the open transaction; others only read through it.
    package let connection: Connection
    /// When the step's time is over; nil where its flow sets none.
    package let deadline: ContinuousClock.Instant?
    /// Of a waiting task that waited already: what it kept, and what its signal brought.
    package let kept: JSON?
    package let signal: JSON?
    let cancellation: Cancellation?

    package init(
        executionID: String, step: Int, attempt: Int = 1, userID: String, connection: Connection,
        deadline: ContinuousClock.Instant? = nil, kept: JSON? = nil, signal: JSON? = nil,
        cancellation: Cancellation? = nil
    ) {
        self.executionID = executionID
        self.step = step
        self.attempt = attempt
        self.userID = userID
        self.connection = connection
        self.deadline = deadline
        self.kept = kept
        self.signal = signal
        self.cancellation = cancellation
    }

    /// The same for all attempts of the step: whoever is called with it can tell a repetition.
    package var idempotencyKey: String { "\(executionID)-\(step)" }

    /// Whether the run was taken from its thread, by a cancel or because its lease ran out: what is done from now on
    /// counts for nothing.
    package var isCanceled: Bool { cancellation?.isRequested ?? false }

    /// To be called now and then by a task that takes long: ends it when nobody waits for its result any more.
    package func check() throws {
        if isCanceled { throw Fenced() }
        if let deadline, .now >= deadline { throw TaskFailure.timeout }
    }
}

/// Tells a running step from another thread that nobody waits for its result any more.
package final class Cancellation: Sendable {
    private let flag = Atomic(false)
    private let leaving = Atomic(false)

    package init() {}

    package var isRequested: Bool { flag.load(ordering: .relaxed) }
    var endsAfterStep: Bool { leaving.load(ordering: .relaxed) }

    package func request() { flag.store(true, ordering: .relaxed) }

    /// Has the run go back to the queue after the step at hand: its worker leaves.
    package func requestAfterStep() { leaving.store(true, ordering: .relaxed) }
}

/// The run belongs to somebody else by now, or to nobody: it was canceled, or its lease ran out. Nothing of the last
/// commit took place.
package struct Fenced: Error {}

/// Why a step failed, as the caller sees it: minimal, nothing internal.
package struct TaskFailure: Error, Sendable, Equatable {
    package let code: String
    package let message: String

    /// The most characters of a message: it is kept with its step, and a run may have thousands.
    private static let longestMessage = 1_000

    package init(code: String, message: String) {
        self.code = code
        self.message =
            message.utf8.count <= TaskFailure.longestMessage
            ? message : String(message.prefix(TaskFailure.longestMessage))
    }

    /// The input breaks the task's schema; without a pointer where all of it does.
    package init(invalidInput violation: Violation) {
        let place = violation.pointer.isEmpty ? "" : "\(violation.pointer): "
        self.init(code: "invalid_input", message: place + violation.message)
    }

    static let timeout = TaskFailure(code: "timeout", message: "The step took too long")
    package static let insufficientCredits = TaskFailure(
        code: "insufficient_credits", message: "Not enough credits")

    /// What does not fit will not fit the next time.
    var isWorthRetrying: Bool { code != "invalid_input" }

    package var json: JSON { ["code": .string(code), "message": .string(message)] }

    package init?(json: JSON) {
        guard let code = json["code"]?.stringValue, let message = json["message"]?.stringValue else { return nil }
        self.init(code: code, message: message)
    }
}
