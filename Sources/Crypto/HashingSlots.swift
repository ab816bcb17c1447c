import Glibc

/// How many password hashes this process computes at once, and how many more may queue for a turn.
///
/// Each takes a core for tens of milliseconds and 19 MiB of memory: without the bound a burst of log-ins would
/// starve every other request.
///
/// Sendable because its counts are touched under its lock only. (A condition works with a pthread mutex, not with
/// Synchronization's.)
@safe package final class HashingSlots: @unchecked Sendable {
    private var free: Int
    private var queued = 0
    /// Slots given to the queue that no waiting thread has woken up to take yet.
    private var handedOver = 0
    private let queueLimit: Int
    private let patience: Duration
    // Neither may move, so they have memory of their own.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let granted: UnsafeMutablePointer<pthread_cond_t>

    /// - Parameters:
    ///   - running: hashes at once, best the number of cores.
    ///   - waiting: how many more callers may wait for a slot.
    ///   - patience: how long each of them does.
    package init(running: Int, waiting: Int, patience: Duration = .seconds(3)) {
        precondition(running > 0, "at least one hash must be able to run")
        free = running
        queueLimit = waiting
        self.patience = patience
        unsafe lock = .allocate(capacity: 1)
        unsafe granted = .allocate(capacity: 1)
        unsafe pthread_mutex_init(lock, nil)
        // The monotonic clock: setting the time of day must neither cut a wait short nor make it endless.
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(granted, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(granted)
        unsafe pthread_mutex_destroy(lock)
        unsafe granted.deallocate()
        unsafe lock.deallocate()
    }

    /// How many callers wait for a slot now.
    package var waiting: Int {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        return queued
    }

    /// Runs the body in a slot, waiting for one if need be; throws `.busy` when too many wait already or none came
    /// free in time.
    package func withSlot<Value>(_ body: () -> Value) throws(PasswordError) -> Value {
        try acquire()
        defer { release() }
        return body()
    }

    private func acquire() throws(PasswordError) {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        if free > 0 {
            free -= 1
            return
        }
        guard queued < queueLimit else { throw .busy }
        queued += 1
        var deadline = deadline()
        while handedOver == 0 {
            let status = unsafe pthread_cond_timedwait(granted, lock, &deadline)
            if status != 0 && handedOver == 0 {
                queued -= 1
                throw .busy
            }
        }
        handedOver -= 1
    }

    /// A slot goes straight to the queue, if there is one: a newcomer must not overtake those who wait.
    private func release() {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        if queued > 0 {
            queued -= 1
            handedOver += 1
            unsafe pthread_cond_signal(granted)
        } else {
            free += 1
        }
    }

    private func deadline() -> timespec {
        var moment = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &moment)
        let nanoseconds = moment.tv_nsec + Int(patience.components.attoseconds / 1_000_000_000)
        moment.tv_sec += Int(patience.components.seconds) + nanoseconds / 1_000_000_000
        moment.tv_nsec = nanoseconds % 1_000_000_000
        return moment
    }
}
