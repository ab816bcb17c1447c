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

    /// The maximum number of tasks in a flow.
    package static let taskLimit = 1_000

    package var taskCount: Int { tasks.count }

    /// The type of each task, in the order of the tasks.
    package var taskTypes: [String] { tasks.map(\.task.type) }

    /// Whether the flow can wait or act outside of this database. A worker then executes it.
    package var needsWorker: Bool {
        tasks.contains { $0.task.effect == .external || $0.task.effect == .waiting }
    }

    /// Whether `task` is the next task of a run that has executed these steps.
    package func leads(_ steps: [Step], to task: String, input: JSON) -> Bool {
        var state = RunState(self, input: input)
        for step in steps {
            guard step.isSuperseded || state.nextTask?.hasSameBytes(as: step.task) == true else { return false }
            state.replay(step)
        }
        return state.nextTask?.hasSameBytes(as: task) == true
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
    let input: JSON?
    let retry: Retry
    /// The timeout of one attempt, or of a whole wait.
    let timeout: Duration?
    /// The maximum number of visits in a run; nil: only the limits of the other tasks on its cycles apply.
    let maxVisits: Int?
    /// What can follow the task, in order: the first edge that holds decides. If none holds, the flow ends with the
    /// task's status.
    let edges: [Edge]

    init(
        name: String, task: any FlowTask, input: JSON?, retry: Retry, timeout: Duration?, maxVisits: Int?,
        edges: [Edge]
    ) {
        self.name = name
        self.task = task
        self.input = input
        self.retry = retry
        self.timeout = timeout
        self.maxVisits = maxVisits
        self.edges = edges
    }

    /// The edge that decides after the task has ended with that status.
    func edge(after status: StepStatus) -> Edge? { edges.first { $0.holds(after: status) } }
}

/// An edge out of a task.
struct Edge: Sendable {
    /// The name of the condition that it belongs to.
    let condition: String
    /// The status after which it holds; nil: after any.
    let status: StepStatus?
    let target: Target

    func holds(after status: StepStatus) -> Bool { self.status == nil || self.status == status }
}

/// The target of an edge.
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
