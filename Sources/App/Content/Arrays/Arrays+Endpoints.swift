import Crypto
import HTTP
import JSON

extension Endpoint<Context> {
    static let arrays: [Endpoint] = [generateArray]

    private static let sentence = JSONSchema.object(required: [
        "sentence": JSONSchema.string(minLength: 1, maxLength: 100_000).described("Any text")
    ]).named("Sentence")

    private static let generateArray = Endpoint(
        .post, "/generate_array", operation: "generateArray", tag: .arrays, access: .user,
        summary: "Generate 500 random numbers",
        description: "The numbers do not depend on the sentence. Default limit: 10 calls per user and minute.",
        body: .json(sentence), idempotency: .wholeCall,
        rateClass: .array,
        answers: [
            Answer(
                .ok, "Random numbers, at least 0 and less than 1", .array(of: .number(0...1), count: 500...500))
        ],
        examples: [Example("Generate an array", body: ["sentence": "Give me some numbers"])]
    ) { _ in
        .json(.array(SecureRandom.doubles(count: 500).map(JSON.number)))
    }
}
