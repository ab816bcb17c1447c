import Flows
import HTTP
import JSON

/// A task type under a short name, run by itself and kept as a record.
struct Operation: Sendable {
    let type: String
    let taskType: String
    /// The member of the task's input that the only argument becomes; nil for a task that takes `arguments`.
    private let member: String?

    private init(_ type: String, _ taskType: String, member: String? = nil) {
        self.type = type
        self.taskType = taskType
        self.member = member
    }

    /// The one list.
    static let all = [
        Operation("addition", "calc.addition"), Operation("subtraction", "calc.subtraction"),
        Operation("multiplication", "calc.multiplication"), Operation("division", "calc.division"),
        Operation("square_root", "calc.square_root"), Operation("random_string", "random.string", member: "length"),
    ]

    static let names = all.map(\.type)

    static let schema = JSONSchema.object(required: [
        "type": .string(enum: names), "task_type": .string, "summary": .string,
        "cost": JSONSchema.integer.described("Credits, each time it succeeds"), "active": .boolean,
    ]).named("Operation")

    func json(_ catalog: TaskCatalog, _ price: Price) -> JSON {
        [
            "type": .string(type), "task_type": .string(taskType), "summary": JSON(catalog[taskType]?.summary),
            "cost": .integer(price.cost), "active": .bool(price.isActive),
        ]
    }

    /// What the task gets for those arguments; throws what is wrong with them.
    func input(_ arguments: [JSON], for task: any FlowTask) throws -> JSON {
        if member != nil, arguments.count != 1 { throw Problem.invalid("/arguments", "must have 1 element") }
        let input: JSON = .object(
            JSONObject([.init(name: member ?? "arguments", value: member == nil ? .array(arguments) : arguments[0])]))
        let violations = task.input.violations(in: input).map { violation in
            member == nil ? violation : Violation(pointer: "/arguments/0", message: violation.message)
        }
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        return input
    }
}
