import Glibc

/// The clock of the processor time that the calling thread has used (`CLOCK_THREAD_CPUTIME_ID`).
package enum ProcessorTime {
    /// Since the thread began.
    package static var ofThread: Duration {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
