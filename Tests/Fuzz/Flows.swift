import App
import JSON
import Postgres
import System

@testable import Flows

/// Runs the task that the first byte selects, among those that need no database, on the JSON that follows. It must
/// throw a `TaskFailure`, or return output that fits its schema and can be serialized and parsed again.
func runTask(_ input: [UInt8]) {
    guard let choice = input.first, let value = try? JSON(parsing: Array(input.dropFirst())) else { return }
    let task = tasks[Int(choice) % tasks.count]
    guard task.input.violations(in: value).isEmpty else { return }
    let context = TaskContext(
        executionID: "019a0000-0000-7000-8000-000000000001", step: 1, userID: "019a0000-0000-7000-8000-000000000002",
        connection: Connection(noDatabase), engine: Engine(catalog: Tasks.makeCatalog()))
    do {
        let output = try task.run(value, in: context)
        precondition(task.output.violations(in: output).isEmpty)
        precondition((try? JSON(parsing: output.serialized(), limits: .own)) == output)
    } catch {
        precondition(error is TaskFailure)
    }
}

private let tasks = Tasks.makeCatalog().tasks.filter {
    $0.effect == .pure && !["data.fetch", "credits.balance"].contains($0.type)
}

private let noDatabase: PostgresConfiguration = {
    guard let configuration = try? PostgresConfiguration("host=/nonexistent dbname=none") else {
        preconditionFailure("libpq cannot parse the connection string")
    }
    return configuration
}()

/// Reads a flow. It must be rejected with a problem, or be valid for all that is computed before and during its run.
func readFlow(_ input: [UInt8]) {
    guard let value = try? JSON(parsing: input) else { return }
    var reader = FlowReader(catalog: Tasks.makeCatalog())
    let flow = reader.read(value)
    precondition((flow == nil) == !reader.problems.isEmpty)
    precondition(reader.problems.count <= Violations.maximumCount)
    guard let flow else { return }
    let price = Price(cost: .max, isActive: true)
    let prices = PriceList(Dictionary(flow.taskTypes.joined().map { ($0, price) }) { first, _ in first })
    precondition(Budget(for: flow, at: prices).maximumCost == .max)
    for task in flow.tasks {
        if let timeout = task.timeout { precondition(.now + timeout > ContinuousClock.now) }
        for attempt in 1...100 {
            for chance in [0.0, 1] {
                let delay = task.retry.delay(afterAttempt: attempt, chance: chance) ?? .zero
                precondition(delay >= .zero && delay.microseconds <= 86_400_000_000)
            }
        }
    }
}
