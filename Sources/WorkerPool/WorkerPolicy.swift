/// The numbers a worker goes by.
package struct WorkerPolicy: Sendable {
    /// How many runs are carried out side by side.
    package var hands: Int
    /// It leaves when nothing is due any more, in place of waiting for more.
    package var isDraining: Bool
    /// How long a lease holds unless it is renewed.
    package var lease: Duration
    /// The time from one round of the keeper to the next; leases are renewed and the queue is looked at in each.
    package var round: Duration = .seconds(1)
    /// How long a step may take to finish once the worker is to leave, before it is broken off.
    package var grace: Duration = .seconds(10)
    /// How long a step that was broken off may take to end before nobody waits for it any more.
    package var patience: Duration = .seconds(5)

    package init(hands: Int, isDraining: Bool = false, lease: Duration = .seconds(10)) {
        self.hands = hands
        self.isDraining = isDraining
        self.lease = lease
    }
}
