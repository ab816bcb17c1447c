import Crypto
import Flows
import HTTP
import JSON
import Postgres

/// One call of an operation: a run of one task, its charge and its record, in one commit.
struct Purchase {
    private let operation: Operation
    private let arguments: JSON
    private let input: JSON
    /// With the price at the start of the call; a price change during the run has no effect.
    private let plan: Engine.Plan
    private let executionID = UUIDv7.make()
    private let recordID = UUIDv7.make()

    /// Throws 422 for arguments that are not valid, 409 for an inactive operation, and 413 for a user who
    /// keeps too much.
    init(of operation: Operation, _ context: Context) throws {
        try context.checkStorage()
        let name = JSON.string(operation.type)
        guard let task = context.services.engine.catalog[operation.taskType] else { throw Problem.notFound }
        plan = try context.launching { engine in
            do {
                return try engine.plan(
                    [
                        "id": name, "name": name, "start_task": name,
                        "tasks": [["name": name, "type": .string(operation.taskType)]],
                    ], for: context.user.id, on: context.connection)
            } catch LaunchRefusal.inactive {
                throw Problem(.operationInactive)
            }
        }
        self.operation = operation
        arguments = context.input["arguments"] ?? []
        input = try operation.input(arguments.arrayValue ?? [], for: task)
    }

    /// Runs the operation. Throws 402 before it starts, and 422 for a failed run, which is stored and costs nothing.
    ///
    /// Locks the balance before the run, because the answer contains the new balance and is stored under the key in the
    /// commit of the charge. Nothing blocks between the two.
    func made(_ context: Context, with key: IdempotencyKey?) throws -> Response {
        let (connection, user, cost) = (context.connection, try context.user, plan.maxCost)
        var left = user.credits.balance - cost
        let keyed = key?.hooks(executionID: executionID) { execution in
            switch outcome(of: execution, left: left) {
            case .success(let answer): .json(answer)
            case .failure(let problem): problem.response(requestID: key?.requestID ?? "")
            }
        }
        try connection.begin()
        try keyed?.open(connection)
        if cost > 0 { left = try Credits.lockedBalance(of: user.id, on: connection) - cost }
        guard left >= 0 else { throw Problem.insufficientCredits }
        // The run joins the open transaction and ends it.
        let hooks = CommitHooks(
            open: { _ in },
            close: { execution in
                (keyed?.close(execution) ?? []) + record(of: execution, userID: user.id, left: left)
            })
        let begun = try Execution(
            id: executionID, userID: user.id, flow: plan.flow.definition, input: input,
            starter: context.starter(ofRunOf: user.id))
        let execution = try context.launching { try $0.run(begun, plan, on: connection, with: hooks) }.execution
        return .json(try outcome(of: execution, left: left).get())
    }

    private func outcome(of execution: Execution, left: Int64) -> Result<JSON, Problem> {
        if let failure = execution.steps.last?.failure {
            return .failure(Problem(failedTask: failure.code, failure.message))
        }
        return .success([
            "result": execution.result["result"] ?? .null, "user_balance": .integer(left),
            "record_id": .string(recordID),
        ])
    }

    /// The record, written in the commit of the run; a failed run has none.
    private func record(of execution: Execution, userID: String, left: Int64) -> [SQL] {
        guard execution.status == .completed else { return [] }
        return [
            """
            INSERT INTO records (id, user_id, operation, arguments, amount, user_balance, result, execution_id)
            VALUES (\(recordID), \(userID), \(operation.type), \(arguments), \(plan.maxCost), \(left),
                \(execution.result["result"] ?? .null), \(execution.id))
            """
        ]
    }
}
