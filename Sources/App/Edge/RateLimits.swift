package import Crypto
package import HTTP
import Postgres
package import SharedMemory
import System

/// The limits of calls by rate class, and where the calls are counted: in memory that all processes share, or, if there
/// is none, in the database.
package struct RateLimits: Sendable {
    /// The number of calls in a minute.
    package struct Numbers: Sendable, Hashable {
        /// Of a user, and of a network address without a caller, because it may stand for many users.
        package let user: Int
        package let guest: Int

        package init(user: Int, guest: Int) {
            self.user = user
            self.guest = guest
        }
    }

    /// One class, for users and for guests. A class, because every counted call passes it on.
    private final class Limits: Sendable {
        /// Maps a user or an address to a bucket that no client can choose.
        let hash: ShortHash
        let user: RateLimit
        let guest: RateLimit

        init(_ rateClass: RateClass, _ numbers: Numbers, key: HMACSHA256) {
            hash = ShortHash(key: key.code(for: rateClass.rawValue.utf8))
            user = RateLimit(name: rateClass.rawValue, calls: numbers.user, seconds: TokenBuckets.window)
            guest = RateLimit(name: rateClass.rawValue, calls: numbers.guest, seconds: TokenBuckets.window)
        }
    }

    private let read: Limits?
    private let write: Limits?
    private let run: Limits?
    private let array: Limits?
    private let hook: Limits?
    private let buckets: TokenBuckets?
    private let clock: @Sendable () -> UInt64

    /// - Parameters:
    ///   - numbers: a class without numbers has no limit.
    ///   - key: the same in all processes.
    ///   - memory: that of all processes; nil: the database counts.
    ///   - clock: milliseconds of a clock that is never set back, the same in all processes.
    package init(
        _ numbers: [RateClass: Numbers], key: HMACSHA256, in memory: SharedMemory?,
        clock: @escaping @Sendable () -> UInt64 = { Monotonic.now.milliseconds }
    ) {
        func limits(_ rateClass: RateClass) -> Limits? { numbers[rateClass].map { Limits(rateClass, $0, key: key) } }
        (read, write, run, array) = (limits(.read), limits(.write), limits(.run), limits(.array))
        hook = limits(.hook)
        buckets = memory.map { TokenBuckets(in: $0) }
        self.clock = clock
    }

    /// Whether a count is lost when the transaction of the call is rolled back.
    var areInDatabase: Bool { buckets == nil }

    /// Counts one call, if it may proceed.
    ///
    /// - Returns: nil if the call has no limit: its class has none, or its address is local or unknown.
    func count(
        _ rateClass: RateClass, by subject: RateLimit.Subject, isGuest: Bool, on connection: Connection
    ) throws -> RateLimit.State? {
        guard let limits = limits(of: rateClass) else { return nil }
        if case .network(let network) = subject, network.isShared { return nil }
        let limit = isGuest ? limits.guest : limits.user
        guard let buckets else { return try limit.count(subject, on: connection) }
        let taken = buckets.take(from: limits.hash.digest(of: subject.text), limit: limit.calls, at: clock())
        return RateLimit.State(
            limit: limit, isAdmitted: taken.isAdmitted, remaining: taken.remaining, reset: taken.reset)
    }

    /// A dictionary would hash and compare the text of the class.
    private func limits(of rateClass: RateClass) -> Limits? {
        switch rateClass {
        case .read: read
        case .write: write
        case .run: run
        case .array: array
        case .hook: hook
        case .login, .register, .unlimited: nil
        }
    }
}
