package import JSON

/// A flow that has passed every check: names are resolved to positions, so running it cannot meet a surprise.
package struct Flow: Sendable {
    package let id: String
    package let name: String
    /// As the caller wrote it; what is stored.
    package let definition: JSON
    let tasks: [TaskDefinition]
    let start: Int

    /// At most this many tasks in a flow.
    package static let taskLimit = 1_000

    package var taskCount: Int { tasks.count }

    /// In the order of the tasks.
    package var taskTypes: [String] { tasks.map(\.task.type) }

    /// Whether it can wait, or do something outside of this database: then a worker runs it.
    package var needsWorker: Bool {
        tasks.contains { $0.task.effect == .external || $0.task.effect == .waiting }
    }

    /// Whether a run that has made these steps comes to that task next.
    package func leads(_ steps: [Step], to task: String, input: JSON) -> Bool {
        var state = RunState(self, input: input)
        for step in steps where !step.isSuperseded {
            guard state.nextTask == step.task else { return false }
            state.replay(step)
        }
        return state.nextTask == task
    }

    /// What the flow's text calls that target.
    func name(of target: Target) -> String {
        switch target {
        case .task(let index): tasks[index].name
        case .end: "end"
        case .endSuccess: "END_SUCCESS"
        case .endFailed: "END_FAILED"
        }
    }
}

/// One task of a flow. A class, because every stage of a step passes it on.
final class TaskDefinition: Sendable {
    let name: String
    let task: any FlowTask
    /// Nil: the task gets the previous task's output, the first one the call's input.
    let input: JSON?
    let retry: Retry
    /// How long one attempt may take, or a wait last.
    let timeout: Duration?
    /// How often a run may come to it; nil: once, or as often as the others on its cycles let it.
    let maxVisits: Int?
    /// What decides after it; nil: the flow ends with the task's status.
    let condition: Condition?

    init(
        name: String, task: any FlowTask, input: JSON?, retry: Retry, timeout: Duration?, maxVisits: Int?,
        condition: Condition?
    ) {
        self.name = name
        self.task = task
        self.input = input
        self.retry = retry
        self.timeout = timeout
        self.maxVisits = maxVisits
        self.condition = condition
    }
}

/// The edge out of a task: where its status leads.
struct Condition: Sendable {
    let name: String
    let outcome: StepStatus
    let onMatch: Target
    let otherwise: Target

    func target(after status: StepStatus) -> Target { status == outcome ? onMatch : otherwise }
}

/// Where an edge leads.
enum Target: Sendable, Equatable {
    case task(Int)
    /// Ends with the task's status, a failure led here having been planned for.
    case end
    case endSuccess
    case endFailed

    static let reserved: [String: Target] = [
        "end": .end, "END": .end, "END_SUCCESS": .endSuccess, "END_FAILED": .endFailed,
    ]
}
