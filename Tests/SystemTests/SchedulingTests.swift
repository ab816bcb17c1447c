import Glibc
import System
import Synchronization
import Testing

@Suite struct SchedulingTests {
    /// In a separate thread, so that other tests are not affected.
    @Test func threadsInheritTheClass() throws {
        let found = Mutex<[Int32]>([])
        let thread = try NativeThread {
            let initial = sched_getscheduler(0)
            Scheduling.useBatchScheduling()
            let inner = try? NativeThread { found.withLock { $0 = [initial, sched_getscheduler(0)] } }
            inner?.join()
        }
        thread.join()
        // SCHED_BATCH, which Swift's Glibc has no name for.
        #expect(found.withLock(\.self) == [SCHED_OTHER, 3])
    }
}
