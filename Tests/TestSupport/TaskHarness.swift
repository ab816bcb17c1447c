package import Flows
package import JSON
package import Postgres

/// Runs one task alone, as the first step of an execution that nobody records: `try run(DataProcess(), on: [1, 2])`.
///
/// A task that needs a database gets the connection of one; without it, using one is an error. A transactional one gets
/// a transaction, which is committed.
///
/// - Throws: `TaskFailure` also for an input that does not fit the task's schema.
package func run(
    _ task: some FlowTask, on input: JSON, userID: String = "00000000-0000-7000-8000-000000000001",
    connection: Connection? = nil
) throws -> JSON {
    if let wrong = task.input.violations(in: input).first {
        throw TaskFailure(invalidInput: wrong)
    }
    let nowhere = try connection ?? Connection(PostgresConfiguration("host=/nonexistent dbname=none"))
    let context = TaskContext(
        executionID: "00000000-0000-7000-8000-000000000002", step: 1, userID: userID, connection: nowhere,
        engine: Engine(catalog: TaskCatalog([]), maxConcurrentRuns: nil))
    guard task.effect == .transactional else { return try task.run(input, in: context) }
    return try nowhere.transaction { _ in try task.run(input, in: context) }
}
