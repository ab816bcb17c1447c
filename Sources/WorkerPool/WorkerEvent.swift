/// What a worker has to tell; whoever runs it decides what becomes a line of the log.
package enum WorkerEvent: Sendable {
    /// The queue cannot be asked; told once, until it can be again.
    case queueUnavailable(any Error)
    case queueAvailable
    /// A run could not go on. Its lease is left to lapse, and it is tried again then.
    case runFailed(any Error)
    /// A run that was not finished could not be given back; its lease lapses.
    case notGivenBack(any Error)
    /// That many runs were taken from workers that have gone.
    case rescued(Int)
}

/// A step did not end although it was broken off; the process is to end without it.
package struct StepAbandoned: Error, CustomStringConvertible {
    package let description = "a step did not end in time; its run is tried again when its lease has lapsed"
}
