package import JSON
package import Postgres

@testable package import Flows

/// A migrated database with a user, for tasks that need one: `try run(DataStore(), on: ["value": 1], with: database)`.
package struct TaskDatabase {
    package let database: TestDatabase
    /// As the application's role.
    package let connection: Connection
    package let userID: String

    package init() throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
        userID = "00000000-0000-7000-8000-000000000001"
        try addUser(userID)
    }

    /// Adds a user with this id.
    package func addUser(_ id: String) throws {
        try database.connect().execute("INSERT INTO users (id, username, password_hash) VALUES (\(id), \(id), '-')")
    }
}

/// Runs a task of a user of the database.
///
/// - Parameter userID: nil: the user that the database has from the beginning.
/// - Throws: as the other function does.
package func run(
    _ task: some FlowTask, on input: JSON, seeing root: JSON = [:], with database: TaskDatabase,
    as userID: String? = nil
) throws -> JSON {
    try run(
        task, on: input, seeing: root, userID: userID ?? database.userID, connection: database.connection)
}

/// Runs one task as the only step of an execution that is not recorded: `try run(DataProcess(), on: [1, 2])`.
///
/// Pass `connection` to a task that needs a database; without it, database access is an error. A transactional task
/// runs in a transaction, which is committed.
///
/// - Parameters:
///   - input: as a flow defines it; it may have templates.
///   - root: what queries see as `$`.
///   - catalog: the task types that the input may name.
/// - Throws: `TaskFailure`, also for an input that a flow could not have, or that violates the task's schema.
package func run(
    _ task: some FlowTask, on input: JSON, seeing root: JSON = [:],
    userID: String = "00000000-0000-7000-8000-000000000001", connection: Connection? = nil,
    catalog: TaskCatalog = TaskCatalog([])
) throws -> JSON {
    var reader = FlowReader(catalog: catalog, prefix: "")
    let definition = reader.readInput(input, for: task, of: 0, at: "")
    if let problem = reader.problems.first { throw TaskFailure(invalidInput: problem) }
    var allowance = TaskInput.Allowance()
    let value = try definition?.value(seeing: root, &allowance) ?? input
    if let violation = task.input.violations(in: value).first { throw TaskFailure(invalidInput: violation) }
    let taskConnection = try connection ?? Connection(PostgresConfiguration("host=/nonexistent dbname=none"))
    var context = TaskContext(
        executionID: "00000000-0000-7000-8000-000000000002", step: 1, userID: userID, connection: taskConnection,
        engine: Engine(catalog: catalog))
    context.evaluation = definition?.deferred.map { TaskEvaluation($0, seeing: root) }
    guard task.effect == .transactional else { return try task.run(value, in: context) }
    return try taskConnection.transaction { _ in try task.run(value, in: context) }
}
