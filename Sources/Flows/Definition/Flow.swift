package import JSON
import System

/// A validated flow. Names are resolved to positions, so a run cannot fail on an unknown name.
package struct Flow: Sendable {
    package let id: String
    package let name: String
    /// The flow as the client wrote it, which is also what is stored.
    package let definition: JSON
    let tasks: [TaskDefinition]
    let start: Int
    let references: References
    /// Whether a task without an input gets the error of a failed task before it; otherwise it gets null, as in flows
    /// of earlier releases.
    package let passesErrors: Bool

    /// The maximum number of tasks in a flow.
    package static let taskLimit = 1_000

    package var taskCount: Int { tasks.count }

    /// The types that each task runs, in the order of the tasks.
    package var taskTypes: [[String]] { tasks.map(\.types) }

    /// Whether the flow can wait or act outside of this database. A worker then executes it.
    package var needsWorker: Bool {
        tasks.contains { $0.task.effect == .external || $0.task.effect == .waiting }
    }

    /// Whether `task` can be the next task of a run that has executed these steps.
    package func leads(_ steps: [Step], to task: String, input: JSON) -> Bool {
        var state = RunState(self, input: input)
        for step in steps {
            guard step.isSuperseded || state.nextTask?.hasSameBytes(as: step.task) == true else { return false }
            guard step.isSuperseded || hasEdge(like: step) else { return false }
            state.replay(step)
        }
        return state.nextTask?.hasSameBytes(as: task) == true
    }

    /// Whether the step could have ended in this flow as it did: the condition that decides depends on values.
    private func hasEdge(like step: Step) -> Bool {
        guard let task = tasks.first(where: { $0.name.hasSameBytes(as: step.task) }) else { return false }
        let targets = task.conditions.map { name(of: $0.target(after: step.status)) }
        guard let next = step.next else { return task.conditions.allSatisfy { $0.when != nil } }
        return targets.contains { $0.hasSameBytes(as: next) }
    }

    /// The target with that name in the flow's text; nil if there is none.
    func target(named name: String) -> Target? {
        Target.reserved[name]
            ?? tasks.firstIndex { $0.name.hasSameBytes(as: name) }.map { .task($0) }
    }

    /// The name of a target in the flow's text.
    func name(of target: Target) -> String {
        switch target {
        case .task(let index): tasks[index].name
        case .end: "end"
        case .endSuccess: "END_SUCCESS"
        case .endFailed: "END_FAILED"
        }
    }
}

/// One task of a flow. A class, because it is passed through every stage of a step.
final class TaskDefinition: Sendable {
    let name: String
    let task: any FlowTask
    /// Nil: the task receives the output of the previous task, the first task the input of the call.
    let input: TaskInput?
    let retry: Retry
    /// The timeout of one attempt, or of a whole wait.
    let timeout: Duration?
    /// The name or id of the credential of its calls; nil: none.
    let credential: String?
    /// The maximum number of visits in a run; nil: only the limits of the other tasks on its cycles apply.
    let maxVisits: Int?
    /// What decides what follows the task: the first condition that holds. If none does, the flow ends with the task's
    /// status.
    let conditions: [Condition]

    init(
        name: String, task: any FlowTask, input: TaskInput?, retry: Retry, timeout: Duration?, credential: String?,
        maxVisits: Int?, conditions: [Condition]
    ) {
        self.name = name
        self.task = task
        self.input = input
        self.retry = retry
        self.timeout = timeout
        self.credential = credential
        self.maxVisits = maxVisits
        self.conditions = conditions
    }

    /// The types of which a step has the price: its own, and that of the task that it runs for each item.
    var types: [String] { [task.type] + (input?.deferred?.itemTask.map { [$0.type] } ?? []) }

    /// The condition that decides after the task has ended; nil if none holds.
    ///
    /// - Throws: the failure of the run: a query of a condition visits too many nodes.
    func condition(in scope: @autoclosure () -> RunScope) throws(TaskFailure) -> Condition? {
        // Most flows need no scope.
        guard let first = conditions.first, first.when != nil else { return conditions.first }
        let scope = scope()
        var budget = JSONPathBudget()
        for condition in conditions where try condition.holds(in: scope, &budget) { return condition }
        return nil
    }
}

/// Decides what follows a task.
struct Condition: Sendable {
    let name: String
    /// It decides if this selects a node that is neither false nor null; nil: always.
    let when: JSONPath?
    /// The status of the task that leads to `onMatch`.
    let outcome: StepStatus
    let onMatch: Target
    let otherwise: Target

    func target(after status: StepStatus) -> Target { status == outcome ? onMatch : otherwise }

    fileprivate func holds(in scope: RunScope, _ budget: inout JSONPathBudget) throws(TaskFailure) -> Bool {
        guard let when else { return true }
        do {
            return try when.holds(in: scope.root(for: [when]), &budget)
        } catch {
            throw TaskFailure(code: "condition_failed", message: "The condition '\(name)' cannot be decided: \(error)")
        }
    }
}

extension JSONPath {
    /// Whether the query selects a node that is neither false nor null.
    func holds(in root: JSON, _ budget: inout JSONPathBudget) throws(JSONPathLimitError) -> Bool {
        try values(in: root, budget: &budget).contains { $0 != .null && $0 != .bool(false) }
    }
}

/// Where a condition leads.
enum Target: Sendable, Equatable {
    case task(Int)
    /// Ends the run as completed after a success, and as ended early after a failure, which the flow provides for.
    case end
    case endSuccess
    case endFailed

    static let reserved: [String: Target] = [
        "end": .end, "END": .end, "END_SUCCESS": .endSuccess, "END_FAILED": .endFailed,
    ]
}

extension [Condition] {
    /// The tasks to which they can lead, in their order.
    var successors: some Sequence<Int> {
        lazy.flatMap { [$0.onMatch, $0.otherwise] }.compactMap { if case .task(let index) = $0 { index } else { nil } }
    }
}
