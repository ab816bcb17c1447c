import Crypto
import Flows
import JSON

/// A random string of letters and digits.
struct RandomString: FlowTask {
    let type = "random.string"
    let summary = "Generates a random string of letters and digits"
    let effect = Effect.pure
    let input = JSONSchema.object(required: [
        "length": JSONSchema.integer(1...1_000).described("Number of characters")
    ])
    let output = JSONSchema.object(required: ["result": .string])

    private static let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        let length = Int(input["length"]?.integerValue ?? 1)
        return ["result": .string(SecureRandom.string(length: length, alphabet: RandomString.alphabet))]
    }
}
