/// The time that one call of a background duty may take. What is left is done by the next call.
package struct TimeShare: Sendable {
    /// The share of a duty, which the thread that renews the leases calls.
    package static let ofDuty = Duration.milliseconds(200)

    private let end: ContinuousClock.Instant

    /// Begins now.
    package init(_ limit: Duration = ofDuty) {
        end = .now + limit
    }

    package var isOver: Bool { .now >= end }
}
