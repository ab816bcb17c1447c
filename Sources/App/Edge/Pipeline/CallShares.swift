import HTTP
import Synchronization
import System

/// How many threads of this process the slow calls of each user occupy. A user with as many as there are threads but
/// one gets no other until one of these calls has ended, so that one thread is free for others. Calls that are not slow
/// yet do not count: a user may keep all threads busy with short ones. A call that reads or sends a large answer counts
/// as slow at once, and is refused if slow calls occupy half of the threads.
package final class CallShares: Sendable {
    /// After this a call is slow.
    static let patience = Duration.milliseconds(100)
    /// Calls whose answers are longer than this count as slow while the answers are read and sent, in bytes.
    static let largeAnswer = 2 << 20

    private let limit: Int
    private let limitOfLarge: Int
    /// When the calls of each user that are in progress began.
    private let calls = Mutex<[String: [Monotonic]]>([:])

    /// - Parameter threads: of this process. With fewer than three only large answers are limited.
    package init(threads: Int) {
        limit = max(2, threads - 1)
        limitOfLarge = max(1, threads / 2)
    }

    /// Calls `body` as a call of the user; nil: of no user, which is not limited.
    ///
    /// - Throws: `tooManyCalls` if slow calls of the user occupy all threads that they may; otherwise what `body`
    ///   throws.
    func occupying<Value>(
        for userID: String?, at now: Monotonic = .now, _ body: (CallShare?) throws -> Value
    ) throws -> Value {
        guard let userID else { return try body(nil) }
        let isFree = calls.withLock { calls in
            let others = calls[userID, default: []]
            guard others.count < limit || slowCount(of: others, at: now) < limit else { return false }
            calls[userID, default: []].append(now)
            return true
        }
        guard isFree else { throw CallShares.refusal }
        let share = CallShare(shares: self, userID: userID, begun: now)
        defer { end(share) }
        return try body(share)
    }

    /// Counts the sending of a large answer as a slow call, until the returned function is called.
    func sending(to userID: String, at now: Monotonic = .now) -> @Sendable () -> Void {
        let share = CallShare(shares: self, userID: userID, begun: now)
        calls.withLock { $0[userID, default: []].append(share.slow) }
        return { [self] in end(share) }
    }

    /// Counts the call as slow from now on.
    fileprivate func countAsSlow(_ share: CallShare) throws {
        let isFree = calls.withLock { calls in
            guard var others = calls.removeValue(forKey: share.userID) else { return true }
            defer { calls[share.userID] = others }
            guard let own = others.firstIndex(of: share.begun) else { return true }
            others.remove(at: own)
            let isFree = slowCount(of: others, at: .now) < limitOfLarge
            others.append(isFree ? share.slow : share.begun)
            return isFree
        }
        guard isFree else { throw CallShares.refusal }
    }

    private func end(_ share: CallShare) {
        calls.withLock { calls in
            guard var others = calls.removeValue(forKey: share.userID) else { return }
            let own = others.firstIndex(of: share.begun) ?? others.firstIndex(of: share.slow)
            if let own { others.remove(at: own) }
            if !others.isEmpty { calls[share.userID] = others }
        }
    }

    private func slowCount(of calls: [Monotonic], at now: Monotonic) -> Int {
        calls.count { now - $0 > Self.patience }
    }

    private static let refusal = Problem(.tooManyCalls, headers: ["Retry-After": "1"])
}

/// A call that is in progress.
struct CallShare: Sendable {
    fileprivate let shares: CallShares
    fileprivate let userID: String
    fileprivate let begun: Monotonic
    /// What stands for `begun` once the call counts as slow.
    fileprivate var slow: Monotonic { begun + (.nanoseconds(-1) - CallShares.patience) }

    /// Counts the call as slow from now on: before it reads a large answer.
    ///
    /// - Throws: `tooManyCalls` if other slow calls of the user occupy half of the threads.
    func countAsSlow() throws { try shares.countAsSlow(self) }
}
