import Crypto
import Flows
import JSON
import Postgres

/// Random numbers in [0, 1).
struct RandomArray: FlowTask {
    let type = "random.array"
    let summary = "Generates random numbers, each at least 0 and less than 1"
    let effect = Effect.pure
    let input = JSONSchema.any.described("`n`: how many numbers, from 1 to 10000. Default: 500")
    let output = JSONSchema.array(of: .number(0...1), count: 1...10_000)

    private static let count = JSONSchema.integer(1...10_000)

    func mistakes(in input: JSON) -> Violations {
        var mistakes = Violations()
        guard let count = input["n"], !count.isTemplate else { return mistakes }
        mistakes.append(contentsOf: Self.count.violations(in: count), at: "/n")
        return mistakes
    }

    func expectedOutputSize(_ input: JSON?, of userID: String, on connection: Connection) -> Int? {
        // A number has up to 20 characters; the size of a record counts each as 13.
        input.map { Int($0["n"]?.integerValue ?? 500) * 13 }
    }

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        let count = input["n"] ?? 500
        guard RandomArray.count.violations(in: count).isEmpty, let number = count.integerValue else {
            throw TaskFailure(code: "invalid_input", message: "n must be an integer from 1 to 10000")
        }
        return .array(SecureRandom.doubles(count: Int(number)).map(JSON.number))
    }
}
