/// Which of the calls of a process are made at once, and which wait. It performs no IO.
///
/// Users with waiting calls have turns, so that a user's calls do not wait for all calls of another user. The calls of
/// a user begin in their order, except that one to a target with as many calls as it may have is passed over.
struct CallSchedule {
    private struct Call {
        let id: String
        let target: String
    }

    private let limits: ExternalCalls.Limits
    /// The waiting calls of each user.
    private var waiting: [String: [Call]] = [:]
    /// The users with waiting calls, in the order of their turns.
    private var turns: [String] = []
    private var running: [String: (userID: String, target: String)] = [:]
    /// Calls that have ended and still count as running.
    private var remaining: [(userID: String, target: String, until: ContinuousClock.Instant)] = []
    private var runningOfUser: [String: Int] = [:]
    private var runningOfTarget: [String: Int] = [:]

    init(_ limits: ExternalCalls.Limits) { self.limits = limits }

    var runningCount: Int { running.count + remaining.count }
    var waitingCount: Int { waiting.values.reduce(0) { $0 + $1.count } }

    /// How many calls of the user wait.
    func waitingCount(of userID: String) -> Int { waiting[userID]?.count ?? 0 }

    mutating func add(_ id: String, of userID: String, to target: String) {
        if waiting[userID] == nil { turns.append(userID) }
        waiting[userID, default: []].append(Call(id: id, target: target))
    }

    /// The next call that may begin, which counts as running from now on; nil if none may.
    mutating func next(at now: ContinuousClock.Instant) -> String? {
        for call in remaining where call.until <= now { release(call.userID, call.target) }
        remaining.removeAll { $0.until <= now }
        guard runningCount < limits.atOnce else { return nil }
        for (turn, userID) in turns.enumerated() where runningOfUser[userID, default: 0] < limits.perUser {
            let calls = waiting[userID] ?? []
            guard let index = calls.firstIndex(where: { runningOfTarget[$0.target, default: 0] < limits.perTarget })
            else { continue }
            let call = calls[index]
            turns.remove(at: turn)
            removeWaiting(at: index, of: userID)
            if waiting[userID] != nil { turns.append(userID) }
            running[call.id] = (userID, call.target)
            runningOfUser[userID, default: 0] += 1
            runningOfTarget[call.target, default: 0] += 1
            return call.id
        }
        return nil
    }

    /// A running call has ended.
    ///
    /// - Parameter until: when it no longer counts; nil: now.
    mutating func end(_ id: String, remainingUntil until: ContinuousClock.Instant? = nil) {
        guard let (userID, target) = running.removeValue(forKey: id) else { return }
        if let until { remaining.append((userID, target, until)) } else { release(userID, target) }
    }

    private mutating func release(_ userID: String, _ target: String) {
        Self.decrement(&runningOfUser, userID)
        Self.decrement(&runningOfTarget, target)
    }

    /// Removes a waiting call; returns false if it does not wait.
    mutating func withdraw(_ id: String, of userID: String) -> Bool {
        guard let index = waiting[userID]?.firstIndex(where: { $0.id == id }) else { return false }
        removeWaiting(at: index, of: userID)
        if waiting[userID] == nil { turns.removeAll { $0 == userID } }
        return true
    }

    private mutating func removeWaiting(at index: Int, of userID: String) {
        waiting[userID]?.remove(at: index)
        if waiting[userID]?.isEmpty == true { waiting[userID] = nil }
    }

    private static func decrement(_ counts: inout [String: Int], _ key: String) {
        let left = counts[key, default: 1] - 1
        counts[key] = left > 0 ? left : nil
    }
}
