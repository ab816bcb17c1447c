import JSON
import System

/// What the queries of a flow see of its run besides the input: a run keeps the results of the tasks that they name.
struct References: Sendable {
    /// Whether a query sees the result of the task, in the order of the flow's tasks.
    private(set) var tasks: [Bool]
    private(set) var includesUser = false
    /// Whether the flow has queries at all; most have none.
    private(set) var hasQueries = false
    private var includesAll = false

    init(taskCount: Int) { tasks = Array(repeating: false, count: taskCount) }

    var isEmpty: Bool { !tasks.contains(true) }

    /// - Parameter positions: of the tasks, by their names.
    mutating func add(_ query: JSONPath, _ positions: [TextKey: Int]) {
        hasQueries = true
        for names in query.allLeadingNames {
            switch TaskReference(names) {
            case .one(let name): if let position = positions[TextKey(name)] { tasks[position] = true }
            case .all where includesAll: break
            case .all:
                for position in tasks.indices { tasks[position] = true }
                includesAll = true
            case nil: break
            }
            includesUser = includesUser || names.first.map { $0 == "user" } ?? true
        }
    }
}

/// The tasks that a query sees, by the names with which it begins.
enum TaskReference: Hashable {
    case one(String)
    case all

    /// Nil if it sees no task.
    init?(_ names: [String]) {
        switch (names.first, names.dropFirst().first) {
        case (nil, _), ("tasks", nil): self = .all
        case ("tasks", let name?): self = .one(name)
        default: return nil
        }
    }
}
