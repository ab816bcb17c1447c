/// Failures counted for one key, and the time of the last one.
///
/// They expire by halves: after each `halfLife` without another failure, half of them.
package struct Failures: Hashable, Sendable {
    /// In seconds.
    package static let halfLife: UInt64 = 600
    /// The maximum count; an hour later hardly any are left.
    package static let limit = 255
    package static let none = Failures(count: 0, last: 0)

    /// The count at the time of the last failure.
    let count: Int
    /// The time of the last failure, in seconds of the monotonic clock.
    let last: UInt64

    package init(count: Int, last: UInt64) {
        self.count = count
        self.last = last
    }

    /// The number that has not expired.
    package func left(at now: UInt64) -> Int {
        count >> (age(at: now) / Self.halfLife)
    }

    /// Seconds since the last failure; zero for a caller that read the clock earlier.
    func age(at now: UInt64) -> UInt64 {
        now > last ? now - last : 0
    }

    /// The failures with one more.
    func adding(oneAt now: UInt64) -> Failures {
        Failures(count: min(left(at: now) + 1, Self.limit), last: max(now, last))
    }

    /// The remaining failures, as if the last one were now.
    func renewed(at now: UInt64) -> Failures {
        Failures(count: left(at: now), last: max(now, last))
    }
}
