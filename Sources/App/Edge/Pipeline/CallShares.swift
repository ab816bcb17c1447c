import HTTP
import Synchronization
import System

/// How many threads of this process the slow calls of each user occupy. A user with as many as there are threads but
/// one gets no other until one of these calls has ended, so that one thread is free for others. Calls that are not slow
/// yet do not count: a user may keep all threads busy with short ones.
package final class CallShares: Sendable {
    /// After this a call is slow.
    static let patience = Duration.milliseconds(100)

    private let limit: Int
    /// When the calls of each user that are in progress began.
    private let calls = Mutex<[String: [Monotonic]]>([:])

    /// - Parameter threads: of this process. With fewer than three there is no limit.
    package init(threads: Int) {
        limit = max(2, threads - 1)
    }

    /// Calls `body` as a call of the user; nil: of no user, which is not limited.
    ///
    /// - Throws: `tooManyCalls` if slow calls of the user occupy all threads that they may; otherwise what `body`
    ///   throws.
    func occupying<Value>(
        for userID: String?, at now: Monotonic = .now, _ body: () throws -> Value
    ) throws -> Value {
        guard let userID else { return try body() }
        let isFree = calls.withLock { calls in
            let others = calls[userID, default: []]
            guard others.count < limit || others.count(where: { now - $0 > Self.patience }) < limit else {
                return false
            }
            calls[userID, default: []].append(now)
            return true
        }
        guard isFree else { throw Problem(.tooManyCalls, headers: ["Retry-After": "1"]) }
        defer {
            calls.withLock { calls in
                guard var others = calls.removeValue(forKey: userID) else { return }
                if let own = others.firstIndex(of: now) { others.remove(at: own) }
                if !others.isEmpty { calls[userID] = others }
            }
        }
        return try body()
    }
}
