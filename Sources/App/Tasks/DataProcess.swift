import Flows
import JSON

/// Statistics of all numbers in a value, at any depth.
struct DataProcess: FlowTask {
    let type = "data.process"
    let summary = "Computes the count, sum, minimum, maximum and mean of all numbers in its input"
    let effect = Effect.pure
    let input = JSONSchema.any.described("Any value: numbers are found at any depth")
    let output = JSONSchema.object(required: [
        "count": .integer, "sum": .number, "min": JSONSchema.number.nullable, "max": JSONSchema.number.nullable,
        "mean": JSONSchema.number.nullable,
    ])

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        var numbers: [JSON] = []
        collect(input, into: &numbers)
        guard !numbers.isEmpty else { return ["count": 0, "sum": 0, "min": .null, "max": .null, "mean": .null] }
        let sum = try Calculation.sum(numbers)
        return [
            "count": JSON(numbers.count), "sum": sum, "min": numbers.min(by: isLess) ?? .null,
            "max": numbers.max(by: isLess) ?? .null, "mean": .number((sum.doubleValue ?? 0) / Double(numbers.count)),
        ]
    }

    /// Integers beyond 2^53 can differ although their doubles are equal.
    private func isLess(_ a: JSON, _ b: JSON) -> Bool {
        if let a = Calculation.integer(a), let b = Calculation.integer(b) { return a < b }
        return (a.doubleValue ?? 0) < (b.doubleValue ?? 0)
    }

    private func collect(_ value: JSON, into numbers: inout [JSON]) {
        switch value {
        case .integer, .unsigned, .number: numbers.append(value)
        case .array(let elements): for element in elements { collect(element, into: &numbers) }
        case .object(let object): for member in object.members { collect(member.value, into: &numbers) }
        case .null, .bool, .string: break
        }
    }
}
