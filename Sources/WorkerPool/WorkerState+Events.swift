package import System

extension WorkerState {
    package enum Event: Sendable {
        /// What came of a look. `asked` is an instant before the claim: the lease is good for its length from then on.
        case found(hand: Int, lease: Lease, asked: Monotonic)
        case foundNothing(hand: Int, next: Monotonic? = nil)
        /// The run came to an end or was given back.
        case finished(hand: Int)
        /// A hand that was ordered to leave is about to.
        case left(hand: Int)
        /// The keeper's round; the first one sets the hands going.
        case round
        /// `nextDue` has come.
        case due
        /// Those leases were renewed, except for those that are lost. `asked` is an instant before that.
        case renewed([Lease], lost: Set<Lease>, asked: Monotonic)
        /// From now on something that becomes due notifies this process, once.
        case enlisted
        case notified
        /// The process withdrew, or a notification may have been lost with its connection.
        case cannotBeNotified
        case leave
    }
}
