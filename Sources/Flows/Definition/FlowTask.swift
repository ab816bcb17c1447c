package import JSON
package import Postgres
import Synchronization

/// A task type: one kind of work that a flow can do. To add one, write a file in `App/Tasks` and add it to the list
/// there.
///
/// Not named `Task`, which would shadow Swift's.
package protocol FlowTask: Sendable {
    /// The name that a flow's task gives as its `type`, such as `data.store`.
    var type: String { get }
    /// One sentence for the catalog and the docs.
    var summary: String { get }
    var effect: Effect { get }
    /// Checked before `run`; an input that does not fit fails the step.
    var input: JSONSchema { get }
    var output: JSONSchema { get }
    /// What of its input the task evaluates itself; nil: it gets the values that the templates give.
    var deferredInput: DeferredInput? { get }
    /// The members of the input that a flow must define as they are, without queries; with such members, each task
    /// needs an `input`.
    var literals: [String] { get }
    /// Why this installation does not offer the task, for its users; nil if it does.
    var unavailableBecause: String? { get }
    /// What is wrong with an input that a flow defines, which fits the schema and yet would fail each run. Strings may
    /// be templates (`JSON.isTemplate`), so that their values are not known. It is checked before the first task runs,
    /// but not in flows that are stored already.
    func mistakes(in input: JSON) -> Violations
    /// What is probably not meant in such an input at this time, in milliseconds since 1970.
    func warnings(about input: JSON, now: Int64) -> Violations
    /// Whether a flow's task of this type may name a credential, as `TaskContext.credential`.
    var takesCredential: Bool { get }
    /// Does the work and returns the step's output. Throws `TaskFailure` if the step has failed; any other error means
    /// that the run cannot continue.
    func run(_ input: JSON, in context: TaskContext) throws -> JSON
    /// The approximate size of the output in bytes of JSON text, if it is known before the run; nil otherwise.
    ///
    /// - Parameter input: what the flow defines; nil if the step gets the output of another one.
    func expectedOutputSize(_ input: JSON?, of userID: String, on connection: Connection) throws -> Int?
}

extension FlowTask {
    package var deferredInput: DeferredInput? { nil }
    package var literals: [String] { [] }
    package var unavailableBecause: String? { nil }
    package func mistakes(in input: JSON) -> Violations { [] }
    package func warnings(about input: JSON, now: Int64) -> Violations { [] }
    package var takesCredential: Bool { false }

    package func expectedOutputSize(_ input: JSON?, of userID: String, on connection: Connection) throws -> Int? { nil }
}

/// A task that can wait for something outside of its thread: a point in time, a person, another run.
package protocol WaitingTask: FlowTask {
    /// Whether a person's signal ends the wait (`POST /api/executions/{id}/signal`).
    var takesSignal: Bool { get }
    /// Called when the step begins and each time the run is woken. Between two calls the run occupies no thread.
    func advance(_ input: JSON, in context: TaskContext) throws -> Progress
}

extension WaitingTask {
    package var effect: Effect { .waiting }
    package var takesSignal: Bool { false }

    /// Fails the step if the task does not finish at once, because it cannot wait here.
    package func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        guard case .done(let output) = try advance(input, in: context) else {
            throw TaskFailure(code: "cannot_wait", message: "This task has to wait, which is not possible here")
        }
        return output
    }
}

/// The progress of a waiting task.
package enum Progress: Sendable {
    case done(JSON)
    /// Waits until then, or until the run is woken. The runs are started together with the wait, and the statements
    /// commit with it. The task's next call receives `storing` as `TaskContext.stored`.
    case wait(until: Due, storing: JSON, starting: ChildRuns? = nil, together: [SQL] = [])
}

/// When a waiting run continues.
package enum Due: Sendable {
    case after(Duration)
    /// At a time in a form that Postgres reads (RFC 3339), or after the duration if that is earlier.
    case at(String, orAfter: Duration? = nil)
    /// Only when the run is woken.
    case woken
    /// When a run ends that the step has started, or after the duration.
    case runs(orAfter: Duration? = nil)
}

/// The side effects of a task, which decide when its result is committed.
package enum Effect: String, Sendable, CaseIterable {
    /// Only reads and computes. A repetition is not observable, so the result is part of the next commit.
    case pure
    /// Writes to this database only. The result commits in the transaction of the effect, so both happen exactly once.
    case transactional
    /// Acts outside of this database. The start of the step is committed before the effect, its result after it. If the
    /// process dies in between, the step is executed again with the same idempotency key.
    case external
    /// Waits without occupying a thread.
    case waiting
}

/// What a task receives when it is executed.
package struct TaskContext {
    package let executionID: String
    /// The number of the step in its execution, from 1.
    package let step: Int
    /// The number of the attempt, from 1.
    package let attempt: Int
    package let userID: String
    /// The name of the task in the flow.
    let task: String
    /// What the run holds; nil outside of a run.
    let budget: Budget?
    /// For a `.transactional` task it has the open transaction; other tasks only read through it.
    package let connection: Connection
    /// The `traceparent` of the call that started the run, or the run that started it; nil without one. A task that
    /// calls another service passes it on.
    package let trace: String?
    /// The name or id of the user's credential that the flow's task names; nil if it names none.
    package let credential: String?
    let engine: Engine
    /// When the step times out; nil if its flow sets no timeout.
    package let deadline: ContinuousClock.Instant?
    /// For a waiting task that has waited before: what it stored, and the value of its signal.
    package let stored: JSON?
    package let signal: JSON?
    let cancellation: Cancellation?
    /// The maximum size of the step's output, in approximate bytes of JSON text.
    var outputRoom: Int
    /// What limits the time of a pure task besides its deadline; nil: nothing.
    var time: StepTime?
    /// What the task evaluates itself; nil: nothing.
    var evaluation: TaskEvaluation?

    package init(
        executionID: String, step: Int, attempt: Int = 1, userID: String, connection: Connection, engine: Engine,
        deadline: ContinuousClock.Instant? = nil, stored: JSON? = nil, signal: JSON? = nil,
        cancellation: Cancellation? = nil, outputRoom: Int = .max,
        trace: String? = nil, credential: String? = nil
    ) {
        self.init(
            executionID: executionID, step: step, attempt: attempt, userID: userID, task: "", budget: nil,
            connection: connection, engine: engine, deadline: deadline, stored: stored, signal: signal,
            cancellation: cancellation, outputRoom: outputRoom, trace: trace,
            credential: credential)
    }

    init(
        executionID: String, step: Int, attempt: Int, userID: String, task: String, budget: Budget?,
        connection: Connection, engine: Engine, deadline: ContinuousClock.Instant?, stored: JSON?, signal: JSON?,
        cancellation: Cancellation?, outputRoom: Int, trace: String?, credential: String?
    ) {
        self.task = task
        self.budget = budget
        self.executionID = executionID
        self.step = step
        self.attempt = attempt
        self.userID = userID
        self.connection = connection
        self.engine = engine
        self.deadline = deadline
        self.stored = stored
        self.signal = signal
        self.cancellation = cancellation
        self.outputRoom = outputRoom
        self.trace = trace
        self.credential = credential
    }

    /// How many bytes a user may keep.
    package var storage: StorageQuota { engine.storage }

    /// The same for all attempts of the step, so that an external service can detect a repetition.
    package var idempotencyKey: String { "\(executionID)-\(step)" }

    /// Whether the step is to be aborted, because the run was canceled, its lease expired, or its worker exits. Nothing
    /// that the step does from now on is recorded.
    package var isCanceled: Bool { cancellation?.isRequested ?? false }

    /// Throws if the step is to be aborted or has had its time. A task that takes long calls this regularly.
    package func check() throws {
        if isCanceled { throw Fenced() }
        guard deadline != nil || time != nil else { return }
        let now = ContinuousClock.now
        if let deadline, now >= deadline { throw TaskFailure.timeout }
        try time?.check(now)
    }
}

/// Requests, from another thread, that a running step ends.
package final class Cancellation: Sendable {
    private let flag = Atomic(false)
    private let stopsAfterStep = Atomic(false)

    package init() {}

    package var isRequested: Bool { flag.load(ordering: .relaxed) }
    var endsAfterStep: Bool { stopsAfterStep.load(ordering: .relaxed) }

    package func request() { flag.store(true, ordering: .relaxed) }

    /// Makes the run return to the queue after the current step, because its worker drains.
    package func requestAfterStep() { stopsAfterStep.store(true, ordering: .relaxed) }
}

/// The run was canceled or its lease has expired, so another worker may have it. Nothing since the last successful
/// commit is recorded.
package struct Fenced: Error {}

/// Why a step failed, as the client sees it: minimal, without internal details.
package struct TaskFailure: Error, Sendable, Equatable {
    package let code: String
    package let message: String
    /// The first of the runs because of which a step failed, as `FailedRun.json` shows them; nil for any other failure.
    package let failedRuns: JSON?
    /// What the program knows besides, such as the status of a service and the beginning of its answer; nil: nothing.
    package let details: JSON?
    /// The least time until the next attempt, as a service asked for; not stored.
    package let retryAfter: Duration?

    /// The maximum length of a message, in Unicode scalars, without the ellipsis of a shortened one: it is stored with
    /// its step, and a run may have thousands of steps.
    package static let maximumLength = 1_000

    package init(
        code: String, message: String, failedRuns: JSON? = nil, details: JSON? = nil, retryAfter: Duration? = nil
    ) {
        self.code = code
        self.details = details
        self.retryAfter = retryAfter
        self.message = message.shortened(to: TaskFailure.maximumLength)
        self.failedRuns = failedRuns
    }

    /// The input violates the task's schema. The message has no pointer if the violation concerns the whole input.
    package init(invalidInput violation: Violation) {
        let location = violation.pointer.isEmpty ? "" : "\(violation.pointer): "
        self.init(code: "invalid_input", message: location + violation.message)
    }

    /// The failure of a step that has failed with one of several items.
    package func ofItem(_ index: Int) -> TaskFailure {
        var members = details?.objectValue ?? JSONObject()
        members["index"] = JSON(index)
        return TaskFailure(
            code: code, message: "Item \(index): \(message)", failedRuns: failedRuns, details: .object(members),
            retryAfter: retryAfter)
    }

    static let outputTooLarge = TaskFailure(
        code: "output_too_large", message: "The outputs of this run are too large")
    static let processorTimeExceeded = TaskFailure(
        code: "processor_time_exceeded", message: "The run has used more processor time than a run may")
    static let timeout = TaskFailure(code: "timeout", message: "The step took too long")
    package static let insufficientCredits = TaskFailure(
        code: "insufficient_credits", message: "Not enough credits")

    /// False for input that is not valid or that templates cannot give, and for a credential that is missing or not for
    /// the host, which would be the same in the next attempt; for a decision, which stays on the record of its step;
    /// and without processor time, or time for a wait.
    var isWorthRetrying: Bool {
        let permanent = [
            "invalid_input", "credential_missing", "credential_host", "not_approved", Self.processorTimeExceeded.code,
            RunLifetime.exceeded,
        ]
        return !permanent.contains(code) && !code.hasPrefix("template_")
    }

    package var json: JSON {
        var object = JSONObject([
            .init(name: "code", value: .string(code)), .init(name: "message", value: .string(message)),
        ])
        object["failures"] = failedRuns
        object["details"] = details
        return .object(object)
    }

    package init?(json: JSON) {
        guard let code = json["code"]?.stringValue, let message = json["message"]?.stringValue else { return nil }
        self.init(code: code, message: message, failedRuns: json["failures"], details: json["details"])
    }
}
