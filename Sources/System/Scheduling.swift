import CSystem
import Glibc

/// How the kernel shares the processors out.
package enum Scheduling {
    /// Puts the calling thread, and all that it starts from now on, into the class SCHED_BATCH (sched(7)): whoever wakes
    /// such a thread goes on, and the thread begins when it is done.
    ///
    /// A server's threads are woken by every request and every answer of the database. To take the processor each time
    /// from the web server or the database, which are about to sleep anyway, costs both their caches and two switches.
    /// Their share of the processors stays the same. Where the kernel does not allow it, nothing changes.
    package static func useBatchScheduling() {
        var parameters = sched_param()
        unsafe sched_setscheduler(0, SCHED_BATCH, &parameters)
    }
}
