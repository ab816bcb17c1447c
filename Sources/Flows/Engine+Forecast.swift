package import JSON
package import Postgres
import System

extension Engine {
    /// The maximum number of sizes that are looked up for one flow.
    private static let maximumLookups = 100

    /// What is probably not meant in the inputs that the flow defines.
    ///
    /// - Parameter now: in milliseconds since 1970.
    package func inputWarnings(_ plan: Plan, now: Int64) -> Violations {
        var warnings = Violations()
        for (index, definition) in plan.flow.tasks.enumerated() {
            guard let input = definition.input?.definition else { continue }
            warnings.append(
                contentsOf: definition.task.warnings(about: input, now: now), at: "/flow/tasks/\(index)/input")
        }
        return warnings
    }

    /// A warning if a run of the flow may exceed the maximum size of its record, as far as the sizes of its inputs and
    /// outputs are known before it; nil otherwise.
    package func sizeWarning(_ plan: Plan, of userID: String, on connection: Connection) throws -> Violation? {
        var known: [TextKey: Int] = [:]
        var size = 0
        for (definition, visits) in zip(plan.flow.tasks, plan.flow.maximumVisits) where visits > 0 {
            let key = TextKey("\(definition.task.type) \(definition.input?.definition.text ?? "")")
            if known[key] == nil, known.count < Engine.maximumLookups {
                known[key] =
                    try definition.task.expectedOutputSize(definition.input?.definition, of: userID, on: connection)
                    ?? 0
            }
            size += visits * ((definition.input?.definition.weight ?? 0) + (known[key] ?? 0))
            guard size <= limits.recordSize else {
                return Violation(
                    pointer: "/flow",
                    message: """
                        may fail: its inputs and outputs can exceed \(limits.recordSize >> 20) MiB, the maximum of a \
                        run
                        """
                )
            }
        }
        return nil
    }
}
