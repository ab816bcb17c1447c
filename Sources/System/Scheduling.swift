import CSystem
import Glibc

/// How the kernel schedules threads.
package enum Scheduling {
    /// Puts the calling thread, and all threads that it starts later, into the class SCHED_BATCH (sched(7)): such a
    /// thread does not preempt the one that wakes it, but starts when that thread waits.
    ///
    /// Every request and every result of the database wakes a thread of a server. If it preempted the web server or the
    /// database each time, although they are about to sleep anyway, that would cost their caches and two context
    /// switches. The thread's share of the processors stays the same. If the kernel does not allow it, nothing changes.
    package static func useBatchScheduling() {
        var parameters = sched_param()
        unsafe sched_setscheduler(0, SCHED_BATCH, &parameters)
    }
}
