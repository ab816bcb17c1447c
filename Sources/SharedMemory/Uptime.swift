import Glibc

/// The clock that cannot be set (`CLOCK_MONOTONIC`), the same in all processes of the machine until it restarts.
package enum Uptime {
    package static var seconds: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec)
    }
}
