/// Failures counted for one key, and the time of the last one.
///
/// They are forgotten by halves: after each `halfLife` without another one, half of them.
package struct Failures: Hashable, Sendable {
    /// In seconds.
    package static let halfLife: UInt64 = 600
    /// Counting stops there; an hour later hardly any are left.
    package static let limit = 255
    package static let none = Failures(count: 0, last: 0)

    /// As many as were left at the time of the last one.
    let count: Int
    /// In seconds of the monotonic clock.
    let last: UInt64

    package init(count: Int, last: UInt64) {
        self.count = count
        self.last = last
    }

    /// How many are not forgotten yet.
    package func left(at now: UInt64) -> Int {
        count >> (age(at: now) / Self.halfLife)
    }

    /// Seconds since the last one; none for a caller whose look at the clock is a little older.
    func age(at now: UInt64) -> UInt64 {
        now > last ? now - last : 0
    }

    /// With one more.
    func adding(oneAt now: UInt64) -> Failures {
        Failures(count: min(left(at: now) + 1, Self.limit), last: max(now, last))
    }

    /// As many as are left, as if the last one had been now.
    func renewed(at now: UInt64) -> Failures {
        Failures(count: left(at: now), last: max(now, last))
    }
}
