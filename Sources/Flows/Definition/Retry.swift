import JSON

/// How often a failed step is retried, and the delays between its attempts.
package struct Retry: Sendable, Equatable {
    let attempts: Int
    /// Seconds before the second attempt; each further delay is `factor` times as long, and at most `maximumDelay`.
    let initialDelay: Double
    let factor: Double
    let maximumDelay: Double
    /// The part of a delay that is random, so that steps that failed together do not all retry together.
    let jitter: Double

    /// The delay before the second attempt if the flow asks for none, in seconds; it doubles up to `slowestRepetition`.
    /// It also is the shortest delay: each attempt is a turn of its own, so that failing runs cannot keep a thread.
    private static let shortestDelay = 0.05
    private static let slowestRepetition = 1.0

    static let none = Retry(attempts: 1, initialDelay: 0, factor: 1, maximumDelay: 0, jitter: 0)

    static let schema = JSONSchema.object(optional: [
        "max_attempts": JSONSchema.integer(1...100).described("Attempts in all, the first one included. Default: 3"),
        "initial_delay": JSONSchema.number(0...86_400).described(
            "Seconds before the second attempt, at least 0.05. Default: 1"),
        "factor": JSONSchema.number(1...100).described("Multiplies the delay before each further attempt. Default: 2"),
        "max_delay": JSONSchema.number(0...86_400).described("The longest delay in seconds. Default: 60"),
        "jitter": JSONSchema.number(0...1).described(
            "The largest part of each delay that is randomly left out, so that runs that failed together do not all "
                + "retry together. Default: 0.5"),
    ]).described(
        "How a failed step is tried again. Input that does not fit the task type is not retried. Default: one attempt"
    ).named("Retry")

    init(attempts: Int, initialDelay: Double, factor: Double, maximumDelay: Double, jitter: Double) {
        self.attempts = attempts
        self.initialDelay = initialDelay
        self.factor = factor
        self.maximumDelay = maximumDelay
        self.jitter = jitter
    }

    /// Reads a value that fits the schema.
    init(_ json: JSON) {
        self.init(
            attempts: json["max_attempts"]?.integerValue.map { Int($0) } ?? 3,
            initialDelay: json["initial_delay"]?.doubleValue ?? 1,
            factor: json["factor"]?.doubleValue ?? 2, maximumDelay: json["max_delay"]?.doubleValue ?? 60,
            jitter: json["jitter"]?.doubleValue ?? 0.5)
    }

    /// The delay after attempt number `attempt` has failed; nil after the last attempt. `chance`, from 0 to 1, is the
    /// random number for the jitter.
    func delay(afterAttempt attempt: Int, chance: Double) -> Duration? {
        guard attempt < attempts else { return nil }
        let asksForNone = initialDelay == 0 || maximumDelay == 0
        let (first, factor, longest) =
            asksForNone ? (Self.shortestDelay, 2, Self.slowestRepetition) : (initialDelay, factor, maximumDelay)
        var delay = first
        for _ in 1..<max(1, attempt) where delay < longest { delay *= factor }
        return .seconds(max(Self.shortestDelay, min(delay, longest) * (1 - jitter * chance)))
    }
}
