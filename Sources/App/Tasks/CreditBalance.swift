import Flows
import JSON

/// Reads the credits of the run's owner.
struct CreditBalance: FlowTask {
    let type = "credits.balance"
    let summary = "Reads the user's credits, without those that are held for active runs"
    let effect = Effect.pure
    let input = JSONSchema.any.described("It has no effect")
    let output = Credits.schema

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        JSON(object: try Credits.find(of: context.userID, on: context.connection).write)
    }
}
