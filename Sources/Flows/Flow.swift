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

/// One task of a flow.
struct TaskDefinition: Sendable {
    let name: String
    let task: any FlowTask
    /// Nil: the task gets the previous task's output, the first one the call's input.
    let input: JSON?
    /// What decides after it; nil: the flow ends with the task's status.
    let condition: Condition?
}

/// The edge out of a task: where its status leads.
struct Condition: Sendable {
    let name: String
    let outcome: StepStatus
    let onMatch: Target
    let otherwise: Target

    func target(after status: StepStatus) -> Target { status == outcome ? onMatch : otherwise }
}

/// How one step ended.
package enum StepStatus: String, Sendable {
    case success
    case failure
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
