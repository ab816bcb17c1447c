/// Background work that every worker process repeats, beside executing runs.
///
/// The thread that renews the leases does it, so that one call of `body` has to be short. Longer work is divided: the
/// body is called again in the next round of the lease keeper until it is done.
package struct Duty {
    /// Whether the work is done until the next interval.
    package enum Progress {
        case done
        case unfinished
    }

    package typealias Body = (_ observe: (WorkerEvent) -> Void) throws -> Progress

    package let name: String
    /// The time between two calls; a duty is due at most once per round.
    package let interval: Duration
    /// The part of the interval before the first call is random in this range, so that workers that start together do
    /// not call it together.
    package let initialDelay: ClosedRange<Double>
    /// Whether a worker that exits when nothing is due waits until the work is done.
    package let delaysExit: Bool
    /// Does the next part of the work. After an error it is called again in the next round.
    package let body: Body

    package init(
        _ name: String, every interval: Duration, initialDelay: ClosedRange<Double> = 0...0, delaysExit: Bool = false,
        body: @escaping Body
    ) {
        self.name = name
        self.interval = interval
        self.initialDelay = initialDelay
        self.delaysExit = delaysExit
        self.body = body
    }

    /// Makes runs due when their leases have expired.
    ///
    /// - Parameter rescue: returns how many.
    package static func rescuer(every interval: Duration, rescue: @escaping () throws -> Int) -> Duty {
        Duty("rescuer", every: interval) { observe in
            let count = try rescue()
            if count > 0 { observe(.rescued(count)) }
            return .done
        }
    }
}
