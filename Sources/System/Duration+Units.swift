package import Glibc

/// Durations in the units of the database, of responses and of C. One file, so that all round alike.
extension Duration {
    /// Whole milliseconds, rounded up: a limit of a microsecond must not become 0, which often means no limit, and a
    /// thread must not wake just before its deadline and spin until it.
    package var milliseconds: Int64 {
        Int64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    /// Whole microseconds, the unit of the database.
    package var microseconds: Int64 { Int64(attoseconds / 1_000_000_000_000) }

    /// Whole nanoseconds, the unit of counters of time; 0 for a negative duration.
    package var nanoseconds: UInt64 { UInt64(max(0, attoseconds / 1_000_000_000)) }

    /// Milliseconds with the precision of microseconds, the unit of responses.
    package var fractionalMilliseconds: Double { Double(microseconds) / 1_000 }

    /// The timeout of poll(2): 0 for a duration that is over, and at most 23 days.
    package var pollTimeout: Int32 {
        Int32(min(max(self, .zero), .seconds(2_000_000)).milliseconds)
    }

    /// For system calls that take nanoseconds.
    package var timespec: Glibc.timespec {
        let (seconds, attoseconds) = components
        return Glibc.timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    }

    /// For system calls that take microseconds.
    package var timeval: Glibc.timeval {
        Glibc.timeval(tv_sec: Int(components.seconds), tv_usec: Int(microseconds % 1_000_000))
    }
}
