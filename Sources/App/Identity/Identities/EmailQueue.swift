/// The users of an external issuer for whom e-mails are fetched, one at a time. It performs no IO.
///
/// Nothing is fetched in the minute after a failure of the service. One that concerns a user delays only that user by a
/// minute. A user is given up after some failures; otherwise it is the user's next call, an hour later at the earliest,
/// that makes the e-mail be fetched again.
package struct EmailQueue: Sendable {
    package struct User: Hashable, Sendable {
        package let subject: String
        package let id: String

        package init(subject: String, id: String) {
            self.subject = subject
            self.id = id
        }
    }

    static let waitingLimit = 1_000
    private static let knownLimit = 10_000
    private static let pauseOfUser = Duration.seconds(3_600)
    private static let pauseAfterFailure = Duration.seconds(60)
    private static let maximumFailures = 5

    private struct Waiting {
        let user: User
        let since: ContinuousClock.Instant
    }

    /// Those that wait, each since a time that can be in the future.
    private var waiting: [Waiting] = []
    private var failures: [User: Int] = [:]
    /// When each user was added last.
    private var added: [User: ContinuousClock.Instant] = [:]
    private var pauseEnd: ContinuousClock.Instant?

    package init() {}

    /// Adds a user; returns false if the user was added in the last hour, or too many wait.
    package mutating func add(_ user: User, at now: ContinuousClock.Instant) -> Bool {
        if let last = added[user], now < last + Self.pauseOfUser { return false }
        guard waiting.count < Self.waitingLimit else { return false }
        if added.count >= Self.knownLimit { added = [:] }
        added[user] = now
        waiting.append(Waiting(user: user, since: now))
        return true
    }

    package enum Next: Equatable {
        case fetch(User)
        case wait(Duration)
        case nothing
    }

    /// What to do now. The user that is to be fetched waits no longer.
    package mutating func next(at now: ContinuousClock.Instant) -> Next {
        guard let first = waiting.map(\.since).min() else { return .nothing }
        if let pauseEnd, now < pauseEnd { return .wait(pauseEnd - now) }
        guard let index = waiting.firstIndex(where: { $0.since <= now }) else { return .wait(first - now) }
        return .fetch(waiting.remove(at: index).user)
    }

    /// What is known of a user was fetched.
    package mutating func ended(_ user: User) { failures[user] = nil }

    /// The e-mail could not be fetched: the user waits again, behind the others.
    ///
    /// - Parameter isOfService: whether other e-mails cannot be fetched now, either.
    package mutating func failed(_ user: User, at now: ContinuousClock.Instant, isOfService: Bool) {
        let end = now + Self.pauseAfterFailure
        if isOfService { pauseEnd = end }
        let count = failures[user, default: 0] + 1
        failures[user] = count < Self.maximumFailures ? count : nil
        guard count < Self.maximumFailures, waiting.count < Self.waitingLimit else { return }
        waiting.append(Waiting(user: user, since: end))
    }
}
