/// The wait after a number of failures: none at first, then doubled after each failure, up to a maximum.
///
/// It never locks a client out: there is an attempt at least every `maximumWait`.
package struct ThrottlePolicy: Hashable, Sendable {
    /// The number of failures without a wait.
    package var free: Int
    /// In seconds, after the first failure beyond `free`.
    package var firstWait: UInt64 = 1
    /// In seconds.
    package var maximumWait: UInt64 = 60

    package init(free: Int) {
        self.free = free
    }

    /// The whole wait after that many failures, in seconds.
    package func wait(after count: Int) -> UInt64 {
        guard count > free else { return 0 }
        // Bounded so that it cannot overflow; the maximum is reached long before.
        return min(firstWait << UInt64(min(count - free - 1, 16)), maximumWait)
    }

    /// The remaining wait in seconds, which is the Retry-After of a refusal.
    package func wait(after failures: Failures, at now: UInt64) -> UInt64 {
        let whole = wait(after: failures.left(at: now))
        return whole - min(whole, failures.age(at: now))
    }
}
