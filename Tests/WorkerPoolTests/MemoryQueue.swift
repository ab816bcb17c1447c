import System
import Synchronization
import WorkerPool

/// A queue in memory that notifies as the database's does: each registered worker once, and nobody who registers too late.
final class MemoryQueue: Sendable {
    struct Unavailable: Error {}

    struct Contents {
        var due: [Int] = []
        /// The leases, and what they are for.
        var leased: [String: Int] = [:]
        var done: [Int] = []
        var givenBack: [Int] = []
        /// The wake-ups of workers to be notified.
        var registered: [WakeUp] = []
        var renewals: [Set<String>] = []
        var polls = 0
        var registrations = 0
        var rescues = 0
        var toRescue: [Int] = []
        var isAvailable = true
        /// Becomes due then.
        var later: (run: Int, at: Monotonic)?
        fileprivate var lastLease = 0
    }

    let contents = Mutex(Contents())
    /// Rings after each change that a test may wait for.
    private let changed: WakeUp
    private let step: @Sendable (Int, Flag) throws -> Job.Ending

    /// - Parameter step: what the runs do; a run that is unfinished is given back by its worker.
    init(step: @escaping @Sendable (Int, Flag) throws -> Job.Ending = { _, _ in .settled }) throws {
        self.step = step
        changed = try WakeUp()
    }

    /// Makes runs due, and notifies one registered worker for each.
    func enqueue(_ runs: Int...) {
        contents.withLock { contents in
            for run in runs {
                contents.due.append(run)
                contents.registered.popLast()?.signal()
            }
        }
    }

    /// Changes the contents as somebody else does; nobody is notified.
    func change(_ body: (inout Contents) -> Void) {
        contents.withLock { body(&$0) }
        changed.signal()
    }

    /// Waits until it is so. For one thread at a time.
    func wait(within limit: Duration = .seconds(20), until isSo: (Contents) -> Bool) -> Bool {
        let deadline = Monotonic.now + limit
        while !contents.withLock({ isSo($0) }) {
            guard deadline > .now else { return false }
            changed.wait(until: deadline)
        }
        return true
    }

    /// A worker's access to it, which rescues runs in each round and has these duties.
    func access(_ duties: @escaping @Sendable () -> [Duty] = { [] }) -> WorkerQueue {
        WorkerQueue(
            makePoll: { { try self.claim().map(WorkerQueue.PollResult.job) ?? .nothing(next: self.nextDue()) } },
            makeLeaseKeeper: {
                // Its own, so that a notification can be told from the worker's wake-up.
                let notified = Result { try WakeUp() }
                return WorkerQueue.LeaseKeeper(
                    renew: self.renew, duties: [.rescuer(every: .zero, rescue: self.rescue)] + duties(),
                    register: { try self.register(try notified.get()) },
                    unregister: { self.unregister(try notified.get()) },
                    wait: { wakeUp, deadline in
                        let own = try notified.get()
                        _ = readable(among: [wakeUp.descriptor, own.descriptor], until: deadline)
                        return own.clear()
                    })
            })
    }

    private func nextDue() -> Duration? {
        contents.withLock { $0.later.map { $0.at - .now } }
    }

    private func claim() throws -> Job? {
        let found = try contents.withLock { contents throws -> (String, Int)? in
            guard contents.isAvailable else { throw Unavailable() }
            contents.polls += 1
            if let (run, moment) = contents.later, moment <= .now {
                contents.due.append(run)
                contents.later = nil
            }
            guard !contents.due.isEmpty else { return nil }
            contents.lastLease += 1
            let (lease, run) = ("\(contents.lastLease)", contents.due.removeFirst())
            contents.leased[lease] = run
            return (lease, run)
        }
        changed.signal()
        guard let (lease, run) = found else { return nil }
        let flag = Flag()
        return Job(
            lease: Lease(run: "\(run)", token: lease),
            run: {
                let ending = try self.step(run, flag)
                if ending == .settled { self.end(lease, { $0.done.append($1) }) }
                return ending
            },
            release: {
                self.end(lease) {
                    $0.givenBack.append($1)
                    $0.due.append($1)
                }
            },
            interrupt: { flag.raise($0) })
    }

    /// Does nothing for a lease that is gone.
    private func end(_ lease: String, _ note: (inout Contents, Int) -> Void) {
        contents.withLock { contents in
            if let run = contents.leased.removeValue(forKey: lease) { note(&contents, run) }
        }
        changed.signal()
    }

    private func renew(_ leases: [Lease]) throws -> Set<Lease> {
        defer { changed.signal() }
        return try contents.withLock { contents in
            guard contents.isAvailable else { throw Unavailable() }
            contents.renewals.append(Set(leases.map(\.token)))
            return Set(leases.filter { contents.leased[$0.token] == nil })
        }
    }

    private func rescue() throws -> Int {
        defer { changed.signal() }
        return try contents.withLock { contents in
            guard contents.isAvailable else { throw Unavailable() }
            contents.rescues += 1
            contents.due += contents.toRescue
            defer { contents.toRescue = [] }
            return contents.toRescue.count
        }
    }

    private func register(_ wakeUp: WakeUp) throws {
        defer { changed.signal() }
        try contents.withLock { contents in
            guard contents.isAvailable else { throw Unavailable() }
            contents.registrations += 1
            if !contents.registered.contains(where: { $0 === wakeUp }) { contents.registered.append(wakeUp) }
        }
    }

    private func unregister(_ wakeUp: WakeUp) {
        contents.withLock { $0.registered.removeAll { $0 === wakeUp } }
        changed.signal()
    }
}

/// What a run is told while it is carried out.
final class Flag: Sendable {
    private let level = Mutex<Interruption?>(nil)
    private let raised: Result<WakeUp, any Error>

    init() {
        raised = Result { try WakeUp() }
    }

    func raise(_ interruption: Interruption) {
        level.withLock { $0 = max($0 ?? interruption, interruption) }
        try? raised.get().signal()
    }

    struct NotInterrupted: Error {}

    /// Waits until the run is interrupted at least that much; throws when that takes too long.
    func wait(for interruption: Interruption) throws {
        let deadline = Monotonic.now + .seconds(20)
        while level.withLock({ $0 ?? .afterStep < interruption || $0 == nil }) {
            guard deadline > .now else { throw NotInterrupted() }
            try raised.get().wait(until: deadline)
        }
    }
}
