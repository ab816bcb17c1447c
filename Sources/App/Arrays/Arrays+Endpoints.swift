import Crypto
import HTTP
import JSON

extension Endpoint<Context> {
    static let arrays: [Endpoint] = [generateArray]

    private static let limit = RateLimit(name: "generate_array", calls: 10, seconds: 60)

    private static let generateArray = Endpoint(
        .post, "/generate_array", access: .user, summary: "500 random numbers for a sentence",
        body: .json(.object(required: ["sentence": .string(minLength: 1, maxLength: 100_000)]).named("Sentence")),
        idempotency: .wholeCall,
        answers: [
            Answer(.ok, "Numbers in [0, 1)", .array(of: .number(0...1), count: 500...500)),
            Answer(.tooManyRequests, "More than 10 calls in a minute", Problem.schema),
        ]
    ) { context in
        try limit.count(.user(context.user.id), on: context.connection)
        return .json(.array(SecureRandom.doubles(count: 500).map(JSON.number)))
    }
}
