import Synchronization
import System

/// What the threads of a process know of each other's long waits for the database. While it hangs, or a table is
/// locked, one thread stays free, and statements that would only wait are refused at once.
///
/// - A wait is long after `patience`. All threads but one may have one at a time, but of one caller not all of these;
///   a further wait is given up.
/// - Two waits in a row that were given up, or that ended at a limit of time, close their statement: it is refused,
///   except for an attempt each `pause`. An execution that succeeds opens it again. If both were those of one caller,
///   who may have locked the rows, the statement is closed only for that caller.
///
/// If the statement succeeds elsewhere while one execution of it waits, only rows are locked, and nothing is closed.
/// Neither is it if the server has cut the statement off, because it was slow (`SQLState.queryCanceled`): it waits for
/// a lock no longer than `lockTimeout`. Without long waits, a round trip costs two reads of an atomic here.
package final class WaitLimit: Sendable {
    /// After this a wait is long, in milliseconds.
    static let patience: Int32 = 250
    /// After this a wait is given up if all other threads have long ones, in milliseconds.
    static let shortPatience: Int32 = 100
    /// The time between two attempts of a closed statement.
    static let pause = Duration.seconds(1)
    /// A statement that was not executed for so long is forgotten.
    static let memory = Duration.seconds(60)
    /// Stands for opening a connection.
    static let connecting: SQL = "CONNECT"

    private struct Trouble {
        var longWaits = 0
        /// Since the last success.
        var failures = 0
        /// Of the last failure.
        var caller: String?
        /// Whether executions of several callers have failed, or of some that are unknown.
        var isCommon = false
        /// Whether another execution has succeeded during the long waits.
        var hasSucceeded = false
        var nextAttempt: Monotonic
        var lastUse: Monotonic
        var isClosed: Bool { failures >= 2 }

        func isClosed(for caller: String?) -> Bool { isClosed && (isCommon || caller == self.caller) }

        mutating func fail(of caller: String?) {
            if failures > 0, caller == nil || caller != self.caller { isCommon = true }
            self.caller = caller
            failures += 1
        }

        mutating func succeed() {
            (failures, isCommon, hasSucceeded) = (0, false, true)
        }
    }

    private struct State {
        var troubles: [SQL.Shape: Trouble] = [:]
        var longWaits = 0
        /// By the callers that are known.
        var longWaitsOfCallers: [String: Int] = [:]
        /// When a closed statement may be attempted while all threads but one have long waits.
        var nextAttempt = Monotonic(sinceBoot: .zero)

        var hasClosed: Bool { troubles.values.contains(where: \.isClosed) }
    }

    private let capacity: Int
    private let observe: @Sendable (PostgresEvent) -> Void
    private let isTroubled = Atomic(false)
    private let state = Mutex(State())

    /// - Parameter threads: how many threads share this limit, each with a connection of its own.
    package init(threads: Int, observe: @escaping @Sendable (PostgresEvent) -> Void = { _ in }) {
        capacity = max(1, threads - 1)
        self.observe = observe
    }

    /// Throws `waitRefused` if one of the statements is closed for the caller and no attempt is due.
    func admit(
        _ batch: [SQL], for caller: String? = nil, at now: @autoclosure () -> Monotonic = .now
    ) throws(PostgresError) {
        guard isTroubled.load(ordering: .relaxed) else { return }
        let now = now()
        let isAdmitted = state.withLock { state in
            for sql in batch {
                guard let trouble = state.troubles[sql.shape], trouble.isClosed(for: caller) else { continue }
                guard trouble.nextAttempt <= now else { return false }
                if state.longWaits >= capacity {
                    guard state.nextAttempt <= now else { return false }
                    state.nextAttempt = now + Self.pause
                }
                state.troubles[sql.shape]?.nextAttempt = now + Self.pause
            }
            return true
        }
        if !isAdmitted { throw PostgresError(.waitRefused) }
    }

    /// Whether a wait that is not long yet may continue; if not, it has failed.
    func mayContinue(_ statement: SQL, for caller: String? = nil, at now: Monotonic = .now) -> Bool {
        if state.withLock({ $0.longWaits < capacity }) { return true }
        fail(statement, of: caller, at: now)
        return false
    }

    /// Counts a wait as long until `end`; false if it must be given up: then it has failed.
    func begin(_ statement: SQL, for caller: String? = nil, at now: Monotonic = .now) -> Bool {
        let hasBegun = state.withLock { state in
            guard state.longWaits < capacity else { return false }
            if let caller {
                let own = state.longWaitsOfCallers[caller, default: 0]
                guard own < max(1, capacity - 1) else { return false }
                state.longWaitsOfCallers[caller] = own + 1
            }
            state.longWaits += 1
            var trouble = state.troubles[statement.shape] ?? Trouble(nextAttempt: now, lastUse: now)
            if trouble.longWaits == 0 { trouble.hasSucceeded = false }
            trouble.longWaits += 1
            state.troubles[statement.shape] = trouble
            isTroubled.store(true, ordering: .relaxed)
            return true
        }
        if !hasBegun { fail(statement, of: caller, at: now) }
        return hasBegun
    }

    /// Ends a long wait. `hasTimedOut`: it reached a limit of time for waits, the server's or the client's.
    func end(_ statement: SQL, for caller: String? = nil, hasTimedOut: Bool, at now: Monotonic = .now) {
        let othersSucceeded = state.withLock { state in
            state.longWaits -= 1
            if let caller {
                let others = state.longWaitsOfCallers[caller, default: 1] - 1
                state.longWaitsOfCallers[caller] = others > 0 ? others : nil
            }
            state.troubles[statement.shape]?.longWaits -= 1
            return state.troubles[statement.shape]?.hasSucceeded ?? true
        }
        if hasTimedOut, !othersSucceeded { fail(statement, of: caller, at: now) }
    }

    /// Opens the statements, because they were executed.
    func succeed(_ batch: [SQL], at now: @autoclosure () -> Monotonic = .now) {
        guard isTroubled.load(ordering: .relaxed) else { return }
        let now = now()
        let areAllOpen = state.withLock { state in
            let hadClosed = state.hasClosed
            for sql in batch {
                state.troubles[sql.shape]?.succeed()
            }
            state.troubles = state.troubles.filter {
                $1.longWaits > 0 || $1.failures > 0 && now - $1.lastUse < Self.memory
            }
            isTroubled.store(!state.troubles.isEmpty, ordering: .relaxed)
            return hadClosed && !state.hasClosed
        }
        if areAllOpen { observe(.waitsAccepted) }
    }

    private func fail(_ statement: SQL, of caller: String?, at now: Monotonic) {
        let isFirst = state.withLock { state in
            let hadClosed = state.hasClosed
            var trouble = state.troubles[statement.shape] ?? Trouble(nextAttempt: now, lastUse: now)
            trouble.fail(of: caller)
            trouble.lastUse = now
            // At first without a pause: perhaps those who waited did so for rows that only they use.
            trouble.nextAttempt = trouble.failures > 2 ? now + Self.pause : now
            state.troubles[statement.shape] = trouble
            isTroubled.store(true, ordering: .relaxed)
            return !hadClosed && trouble.isClosed
        }
        if isFirst { observe(.waitsRefused(statement: statement.shape.text)) }
    }
}
