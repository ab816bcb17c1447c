import Glibc

/// A point on the clock that cannot be set (`CLOCK_MONOTONIC`); comparable within one machine's uptime only.
package struct Monotonic: Comparable, Hashable, Sendable {
    private let sinceBoot: Duration

    /// The point that long after the clock's zero, for tests.
    package init(sinceBoot: Duration) {
        self.sinceBoot = sinceBoot
    }

    package static var now: Monotonic {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Monotonic(sinceBoot: .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec))
    }

    /// The time since the clock's zero, which is the machine's start, in whole seconds.
    package var seconds: UInt64 { UInt64(sinceBoot.components.seconds) }

    /// The same in milliseconds.
    package var milliseconds: UInt64 { UInt64(sinceBoot.attoseconds / 1_000_000_000_000_000) }

    /// The point that many milliseconds after the clock's zero.
    package init(milliseconds: UInt64) { self.init(sinceBoot: .milliseconds(milliseconds)) }

    package static func + (instant: Monotonic, duration: Duration) -> Monotonic {
        Monotonic(sinceBoot: instant.sinceBoot + duration)
    }

    package static func - (left: Monotonic, right: Monotonic) -> Duration {
        left.sinceBoot - right.sinceBoot
    }

    package static func < (left: Monotonic, right: Monotonic) -> Bool {
        left.sinceBoot < right.sinceBoot
    }
}
