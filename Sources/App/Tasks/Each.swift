import Flows
import JSON

/// Runs a pure task for each item of an array, within one step.
struct Each: FlowTask {
    private static let maximumItems = 10_000

    let type = "each"
    let summary = "Runs a task type that only reads and computes for each item of an array, within one step"
    let effect = Effect.pure
    let deferredInput: DeferredInput? = .items(task: "task", input: "input")
    let input = JSONSchema.object(
        required: [
            "items": JSONSchema.array(of: .any, count: 0...maximumItems).described("At most 10,000"),
            "task": JSONSchema.string(minLength: 1, maxLength: FlowFormat.nameLength).described(
                "A task type with the effect `pure`, except `each` itself; not a template"),
        ],
        optional: [
            "input": JSONSchema.any.described(
                "The input of the task for each item. Its templates also see `$.item`, and the item's index from 0 as "
                    + "`$.index`. Default: the item")
        ])
    let output = JSONSchema.array(of: .any, count: 0...maximumItems).described(
        "The outputs, in the order of the items. The first item that fails fails the step: `index` in the `details` of "
            + "its error is the item's")

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        .array(try context.outputs(ofItems: input["items"]?.arrayValue ?? []))
    }
}
