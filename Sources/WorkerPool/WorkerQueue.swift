package import System

/// What a worker asks of the queue it works for. Each of its threads makes its own ways to it, and keeps them.
package struct WorkerQueue: Sendable {
    /// Looks for the next run that is due, and claims it.
    package typealias Hand = () throws -> Look

    /// What a look finds.
    package enum Look {
        case job(Job)
        /// Nothing is due; something will be so soon, if it is before the next round.
        case nothing(next: Duration?)
    }

    /// For the keeper of the leases.
    package struct Keeper {
        /// Renews those leases, and returns the ones among them that are gone.
        package let renew: ([Lease]) throws -> Set<Lease>
        /// Makes runs due whose leases have lapsed; returns how many.
        package let rescue: () throws -> Int
        /// Registers this process as one that is told of what becomes due.
        package let enlist: () throws -> Void
        /// Takes that back.
        package let withdraw: () throws -> Void
        /// Waits until the bell rings, until something is told, or until the deadline; true when something was told.
        ///
        /// Throws when nothing can be told any more before `enlist` is called anew.
        package let wait: (Bell, _ deadline: Monotonic) throws -> Bool

        package init(
            renew: @escaping ([Lease]) throws -> Set<Lease>, rescue: @escaping () throws -> Int,
            enlist: @escaping () throws -> Void, withdraw: @escaping () throws -> Void,
            wait: @escaping (Bell, _ deadline: Monotonic) throws -> Bool
        ) {
            self.renew = renew
            self.rescue = rescue
            self.enlist = enlist
            self.withdraw = withdraw
            self.wait = wait
        }
    }

    package let makeHand: @Sendable () -> Hand
    package let makeKeeper: @Sendable () -> Keeper

    package init(makeHand: @escaping @Sendable () -> Hand, makeKeeper: @escaping @Sendable () -> Keeper) {
        self.makeHand = makeHand
        self.makeKeeper = makeKeeper
    }
}
