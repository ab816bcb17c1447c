package import Flows
package import JSON
package import Postgres

/// Runs one task as the first step of an execution that is not recorded: `try run(DataProcess(), on: [1, 2])`.
///
/// Pass `connection` to a task that needs a database; without it, database access is an error. A transactional task
/// runs in a transaction, which is committed.
///
/// - Throws: `TaskFailure`, also for an input that violates the task's schema.
package func run(
    _ task: some FlowTask, on input: JSON, userID: String = "00000000-0000-7000-8000-000000000001",
    connection: Connection? = nil
) throws -> JSON {
    if let violation = task.input.violations(in: input).first {
        throw TaskFailure(invalidInput: violation)
    }
    let taskConnection = try connection ?? Connection(PostgresConfiguration("host=/nonexistent dbname=none"))
    let context = TaskContext(
        executionID: "00000000-0000-7000-8000-000000000002", step: 1, userID: userID, connection: taskConnection,
        engine: Engine(catalog: TaskCatalog([])))
    guard task.effect == .transactional else { return try task.run(input, in: context) }
    return try taskConnection.transaction { _ in try task.run(input, in: context) }
}
