package import System

extension WorkerState {
    package enum Event: Sendable {
        /// The result of a poll. The lease is valid for its whole length from `requested`, an instant before the claim.
        case found(slot: Int, lease: Lease, isSuspect: Bool = false, requested: Monotonic)
        case foundNothing(slot: Int, next: Monotonic? = nil)
        /// The run has ended, or its lease was released.
        case finished(slot: Int)
        /// The run of the slot keeps its lease and waits without a slot.
        case parked(slot: Int)
        /// A parked run can be continued.
        case ready(Lease)
        /// The slot was ordered to continue a run.
        case resumed(slot: Int)
        /// The slot's poll or run failed because of the queue.
        case queueFailed(slot: Int)
        /// A slot that was ordered to stop is about to end its thread.
        case stopped(slot: Int)
        /// The background duties of a round were called.
        case dutiesCalled(delaysExit: Bool)
        /// A round of the lease keeper; the first one starts the slots.
        case round
        /// `nextDue` has come.
        case due
        /// Those leases were renewed, except for those that are lost. `requested` is an instant before that.
        case renewed([Lease], lost: Set<Lease>, requested: Monotonic)
        /// From now on the next run that becomes due notifies this process, once.
        case registered
        case notified
        /// The process is no longer registered, or a notification may have been lost with its connection.
        case cannotBeNotified
        case stop
    }
}
