import HTTP
import Synchronization
import System

/// How many threads of this process the calls of each user occupy. Each process counts its own threads, and each user
/// by itself.
///
/// A call is slow once it has taken longer than `patience`, and large, which is slow too, once it reads a large record
/// or sends a large answer. While a user's slow calls occupy all threads but one, each further call of that user is
/// refused, so that one thread is free for others. A call that is about to read a large record is refused as well while
/// large calls occupy half of the threads; a large answer that is known is always sent. Short calls do not count: a
/// user may keep all threads busy with them. Neither does a call that waits without a thread.
package final class CallShares: Sendable {
    /// After this a call is slow.
    static let patience = Duration.milliseconds(100)
    /// An answer that is longer than this is large, in bytes; so is one of unknown length.
    static let largeAnswer = 2 << 20

    /// A call that occupies a thread.
    private struct Entry {
        let number: Int
        let begun: Monotonic
        var isLarge = false

        func isSlow(at now: Monotonic) -> Bool { isLarge || now - begun > CallShares.patience }
    }

    private struct State {
        /// The calls of each user that occupy threads.
        var entries: [String: [Entry]] = [:]
        /// How many calls have begun.
        var count = 0
    }

    private let limit: Int
    private let limitOfLarge: Int
    private let state = Mutex(State())

    /// - Parameter threads: of this process. With fewer than three only large records are refused.
    package init(threads: Int) {
        limit = max(2, threads - 1)
        limitOfLarge = max(1, threads / 2)
    }

    /// Calls `body` as a call of the user; nil: of no user, which is not limited. The call ends with `body`, or when
    /// the reply has been sent if that is large.
    ///
    /// - Throws: `tooManyCalls` if slow calls of the user occupy all threads that they may; otherwise what `body`
    ///   throws.
    func occupying(
        for userID: String?, at now: Monotonic = .now, _ body: (CallShare?) throws -> Reply
    ) throws -> Reply {
        guard let userID else { return try body(nil) }
        let share = try begin(for: userID, at: now)
        var isKept = false
        defer { if !isKept { end(share) } }
        var reply = try body(share)
        if reply.continuation == nil, reply.initial.body.length ?? .max > Self.largeAnswer {
            isKept = true
            _ = countAsLarge(share) { _ in true }
            reply.onSent = { [self] in end(share) }
        }
        return reply
    }

    private func begin(for userID: String, at now: Monotonic) throws -> CallShare {
        let number: Int? = state.withLock { state in
            let others = state.entries[userID, default: []]
            guard others.count < limit || others.count(where: { $0.isSlow(at: now) }) < limit else { return nil }
            state.count += 1
            state.entries[userID, default: []].append(Entry(number: state.count, begun: now))
            return state.count
        }
        guard let number else { throw CallShares.refusal }
        return CallShare(shares: self, userID: userID, number: number)
    }

    fileprivate func admitLarge(_ share: CallShare, at now: Monotonic) throws {
        let isAdmitted = countAsLarge(share) { others in
            others.count(where: \.isLarge) < limitOfLarge && others.count { $0.isSlow(at: now) } < limit
        }
        guard isAdmitted else { throw CallShares.refusal }
    }

    /// Counts the call as large from now on, if `isAdmitted` among the user's others.
    ///
    /// - Returns: also true if the call is large already, or has ended.
    private func countAsLarge(_ share: CallShare, if isAdmitted: ([Entry]) -> Bool) -> Bool {
        state.withLock { state in
            guard let user = state.entries.index(forKey: share.userID),
                let own = state.entries.values[user].firstIndex(where: { $0.number == share.number })
            else { return true }
            if state.entries.values[user][own].isLarge { return true }
            guard isAdmitted(state.entries.values[user].filter { $0.number != share.number }) else { return false }
            state.entries.values[user][own].isLarge = true
            return true
        }
    }

    private func end(_ share: CallShare) {
        state.withLock { state in
            guard let user = state.entries.index(forKey: share.userID) else { return }
            state.entries.values[user].removeAll { $0.number == share.number }
            if state.entries.values[user].isEmpty { state.entries.remove(at: user) }
        }
    }

    private static let refusal = Problem(.tooManyCalls, headers: ["Retry-After": "1"])
}

/// A call that occupies a thread.
struct CallShare: Sendable {
    fileprivate let shares: CallShares
    fileprivate let userID: String
    fileprivate let number: Int

    /// Counts the call as large, and thereby slow, from now on: before it reads a large record.
    ///
    /// - Throws: `tooManyCalls` if other large calls of the user occupy half of the threads, or other slow ones all but
    ///   one.
    func countAsSlow(at now: Monotonic = .now) throws { try shares.admitLarge(self, at: now) }
}
