import Glibc

/// The environment variables of this process.
package enum Environment {
    /// All of them, as they are now; invalid UTF-8 is repaired.
    package static var current: [String: String] {
        var variables: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
            unsafe entry += 1
        }
        return variables
    }
}

/// The time of day. Deadlines use `Monotonic`.
package enum WallClock {
    /// Nanoseconds since 1970 in UTC.
    package static var nanoseconds: Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Seconds since 1970 in UTC.
    package static var seconds: Int64 { nanoseconds / 1_000_000_000 }
}
