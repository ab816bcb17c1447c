/// What happens in a worker, for its observer.
package enum WorkerEvent: Sendable {
    /// The queue is unavailable. Reported once, until it is available again.
    case queueUnavailable(any Error)
    case queueAvailable
    /// A run could not continue. It is retried when its lease has expired.
    case runFailed(any Error)
    /// The lease of an unfinished run could not be released; it expires.
    case notReleased(any Error)
    /// That many runs are due again because their leases had expired.
    case rescued(Int)
    /// A duty failed; it is retried in each round. Reported once, until it succeeds.
    case dutyFailed(String, any Error)
}

/// A step did not end although it was aborted; the process exits without it.
package struct StepAbandoned: Error, CustomStringConvertible {
    package let description = "a step did not end in time; its run is retried when its lease has expired"
}
