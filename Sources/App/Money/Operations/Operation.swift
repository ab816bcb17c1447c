import Flows
import HTTP
import JSON

/// A short name for a task type, which is run as a single task and stored as a record.
struct Operation: Sendable {
    let type: String
    let taskType: String
    /// The member of the task's input for the only argument; nil for a task that takes `arguments`.
    private let member: String?

    private init(_ type: String, _ taskType: String, member: String? = nil) {
        self.type = type
        self.taskType = taskType
        self.member = member
    }

    /// Every operation.
    static let all = [
        Operation("addition", "calc.addition"), Operation("subtraction", "calc.subtraction"),
        Operation("multiplication", "calc.multiplication"), Operation("division", "calc.division"),
        Operation("square_root", "calc.square_root"), Operation("random_string", "random.string", member: "length"),
    ]

    static let typeSchema = JSONSchema.string(enum: all.map(\.type)).named("OperationType")

    static let schema = JSONSchema.object(required: [
        "type": typeSchema,
        "task_type": TaskCatalog.typeSchema.described("The task type that does the same in flows"),
        "summary": TaskCatalog.summarySchema,
        "cost": JSONSchema.integer.described("Credits for each success"),
        "active": JSONSchema.boolean.described("Whether it is active"),
    ]).named("Operation")

    func json(_ catalog: TaskCatalog, _ price: Price) -> JSON {
        [
            "type": .string(type), "task_type": .string(taskType), "summary": JSON(catalog[taskType]?.summary),
            "cost": .integer(price.cost), "active": .bool(price.isActive),
        ]
    }

    /// The task's input for the arguments. Throws 422 for arguments that are not valid.
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
