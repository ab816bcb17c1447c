package import System

/// The operations that a worker needs from its queue. Each thread makes its own access once, and is the only one that
/// uses it.
package struct WorkerQueue: Sendable {
    /// Claims the next run that is due.
    package typealias Poll = () throws -> PollResult

    /// The result of a poll.
    package enum PollResult {
        case job(Job)
        /// Nothing is due. `next` is the time until a run becomes due, if that is before the next round.
        case nothing(next: Duration?)
    }

    /// The operations that a slot needs.
    package struct Access {
        package let poll: Poll
        /// A parked run of this process that can be continued.
        package let resume: (Lease) -> Job

        package init(poll: @escaping Poll, resume: @escaping (Lease) -> Job) {
            self.poll = poll
            self.resume = resume
        }
    }

    /// The operations that the thread of the lease keeper needs.
    package struct LeaseKeeper {
        /// Renews the leases, and returns those that are lost.
        package let renew: ([Lease]) throws -> Set<Lease>
        /// The background duties of the process.
        package let duties: [Duty]
        /// Registers this process for a notification of the next run that becomes due.
        package let register: () throws -> Void
        /// Removes the registration.
        package let unregister: () throws -> Void
        /// Waits for the wake-up, a notification or the deadline; true after a notification.
        ///
        /// Throws when notifications are impossible until `register` is called again.
        package let wait: (WakeUp, _ deadline: Monotonic) throws -> Bool

        package init(
            renew: @escaping ([Lease]) throws -> Set<Lease>, duties: [Duty],
            register: @escaping () throws -> Void, unregister: @escaping () throws -> Void,
            wait: @escaping (WakeUp, _ deadline: Monotonic) throws -> Bool
        ) {
            self.renew = renew
            self.duties = duties
            self.register = register
            self.unregister = unregister
            self.wait = wait
        }
    }

    package let makeAccess: @Sendable () -> Access
    package let makeLeaseKeeper: @Sendable () -> LeaseKeeper

    package init(
        makeAccess: @escaping @Sendable () -> Access, makeLeaseKeeper: @escaping @Sendable () -> LeaseKeeper
    ) {
        self.makeAccess = makeAccess
        self.makeLeaseKeeper = makeLeaseKeeper
    }
}
