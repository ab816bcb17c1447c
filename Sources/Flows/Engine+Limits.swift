import Synchronization

extension Engine {
    /// What keeps the runs of one user from holding up those of others.
    package struct Limits: Sendable {
        /// The maximum number of a user's runs that workers execute at once; nil: no limit.
        package var concurrentRuns: Int? = 50
        /// The maximum number of runs that one run may lead to, directly and indirectly.
        package var descendants = 10_000
        /// How long a run may occupy the thread of its call; then a worker continues it.
        package var callTime = Duration.seconds(1)
        /// How long a worker executes a run before other runs that are due get their turn.
        package var timeSlice = Duration.seconds(1)
        /// The maximum processor time of a run, over all of its time slices and after it was resumed.
        package var processorTime = Duration.seconds(60)
        /// The maximum size of a run's record, in approximate bytes of JSON text: the outputs of all steps, the inputs
        /// that tasks define, counted for each step, and all inputs of superseded steps.
        package var recordSize = 8 << 20
        /// The maximum number of this process's threads that the calls of one user may occupy with runs.
        package var threadsPerUser = Int.max
        /// How many bytes a user may keep.
        package var storage = StorageQuota.unlimited
        /// How long a run may last, from its creation to its end.
        package var lifetime = RunLifetime(days: 30)
        /// How long the record of a run is kept, in days, which is longer than it may last; nil: until it is deleted.
        package var retention: Int?

        package init() {}
    }
}

/// How many threads of this process the runs of each user occupy.
final class ThreadShares: Sendable {
    private let limit: Int
    private let occupied = Mutex<[String: Int]>([:])

    init(limit: Int) {
        self.limit = limit
    }

    /// Calls `body` if the user's runs occupy fewer threads than they may; otherwise returns nil.
    func occupying<Value>(for userID: String, _ body: () throws -> Value) rethrows -> Value? {
        let isFree = occupied.withLock { occupied in
            guard occupied[userID, default: 0] < limit else { return false }
            occupied[userID, default: 0] += 1
            return true
        }
        guard isFree else { return nil }
        defer {
            occupied.withLock { occupied in
                let left = occupied[userID, default: 1] - 1
                occupied[userID] = left > 0 ? left : nil
            }
        }
        return try body()
    }
}
