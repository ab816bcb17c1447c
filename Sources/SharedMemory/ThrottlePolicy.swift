/// How long to wait after how many failures: nothing at first, then twice as long after each, up to a limit.
///
/// It never says "never": whoever it slows gets a try every `longestWait` at least.
package struct ThrottlePolicy: Hashable, Sendable {
    /// How many failures are free.
    package var free: Int
    /// In seconds, after the first failure that is not free.
    package var firstWait: UInt64 = 1
    /// In seconds.
    package var longestWait: UInt64 = 60

    package init(free: Int) {
        self.free = free
    }

    /// The whole wait after so many failures, in seconds.
    package func wait(after count: Int) -> UInt64 {
        guard count > free else { return 0 }
        // Bounded so that it cannot overflow; the limit is reached long before.
        return min(firstWait << UInt64(min(count - free - 1, 16)), longestWait)
    }

    /// What is left of the wait, in seconds, and so the Retry-After of a refusal.
    package func wait(after failures: Failures, at now: UInt64) -> UInt64 {
        let whole = wait(after: failures.left(at: now))
        return whole - min(whole, failures.age(at: now))
    }
}
