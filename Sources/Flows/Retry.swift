import JSON

/// How often a failed step is tried again, and how long it waits before.
package struct Retry: Sendable, Equatable {
    let attempts: Int
    /// Seconds before the second attempt; each further wait is `factor` times as long, none longer than `longest`.
    let initialDelay: Double
    let factor: Double
    let longest: Double
    /// The part of a wait that is left to chance, so that many that failed together do not come back together.
    let jitter: Double

    static let none = Retry(attempts: 1, initialDelay: 0, factor: 1, longest: 0, jitter: 0)

    static let schema = JSONSchema.object(optional: [
        "max_attempts": .integer(1...100), "initial_delay": .number(0...86_400), "factor": .number(1...100),
        "max_delay": .number(0...86_400), "jitter": .number(0...1),
    ]).named("Retry")

    init(attempts: Int, initialDelay: Double, factor: Double, longest: Double, jitter: Double) {
        self.attempts = attempts
        self.initialDelay = initialDelay
        self.factor = factor
        self.longest = longest
        self.jitter = jitter
    }

    /// As a flow says it, in the form of the schema.
    init(_ json: JSON) {
        self.init(
            attempts: json["max_attempts"]?.integerValue.map { Int($0) } ?? 3,
            initialDelay: json["initial_delay"]?.doubleValue ?? 1,
            factor: json["factor"]?.doubleValue ?? 2, longest: json["max_delay"]?.doubleValue ?? 60,
            jitter: json["jitter"]?.doubleValue ?? 0.5)
    }

    /// The wait after that many attempts failed; nil when there is no further one. `chance` is from 0 to 1.
    func delay(afterAttempt attempt: Int, chance: Double) -> Duration? {
        guard attempt < attempts else { return nil }
        var delay = initialDelay
        for _ in 1..<max(1, attempt) where delay < longest { delay *= factor }
        return .seconds(min(delay, longest) * (1 - jitter * chance))
    }
}
