/// The limits and intervals of a worker.
package struct WorkerPolicy: Sendable {
    /// The number of runs that it executes at the same time.
    package var slots: Int
    /// Whether it exits when nothing is due, instead of waiting for more.
    package var exitsWhenIdle: Bool
    /// How long a lease is valid unless it is renewed.
    package var lease: Duration
    /// The interval of the lease keeper: each round renews the leases and makes one slot poll the queue.
    package var round: Duration = .seconds(1)
    /// How long a slot pauses after the queue has failed; the pause doubles with each failure, up to the longest one.
    package var pause: Duration = .seconds(1)
    package var longestPause: Duration = .seconds(30)
    /// How long the queue must not fail before it is reported as available.
    package var recoveryTime: Duration = .seconds(5)
    /// How long a step may take to finish once the worker is stopping, before it is aborted.
    package var grace: Duration = .seconds(10)
    /// How long an aborted step may take to end before the worker exits without it.
    package var abortTimeout: Duration = .seconds(5)

    package init(slots: Int, exitsWhenIdle: Bool = false, lease: Duration = .seconds(10)) {
        self.slots = slots
        self.exitsWhenIdle = exitsWhenIdle
        self.lease = lease
    }
}
