import System
import Synchronization
import WorkerPool

/// A queue in memory that notifies like the database: each registered worker once, and none that registers later.
final class MemoryQueue: Sendable {
    struct Unavailable: Error {}

    struct Contents {
        var due: [Int] = []
        /// Runs that are executed alone.
        var suspects: Set<Int> = []
        /// The leased runs by their leases.
        var leased: [String: Int] = [:]
        var done: [Int] = []
        var released: [Int] = []
        /// The wake-ups of the registered workers.
        var registered: [WakeUp] = []
        var renewals: [Set<String>] = []
        var polls = 0
        var registrations = 0
        var rescues = 0
        var toRescue: [Int] = []
        var isAvailable = true
        /// A run that becomes due at this time.
        var scheduled: (run: Int, at: Monotonic)?
        fileprivate var lastLease = 0
    }

    let contents = Mutex(Contents())
    /// Signalled after each change that a test may wait for.
    private let changed: WakeUp
    private let step: @Sendable (Int, Flag) throws -> Job.Ending

    /// - Parameter step: the body of the runs; an unfinished run is released by its worker.
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

    /// Changes the contents without a notification, like another process.
    func change(_ body: (inout Contents) -> Void) {
        contents.withLock { body(&$0) }
        changed.signal()
    }

    /// Waits until the condition holds. Only one thread may wait at a time.
    func wait(within limit: Duration = .seconds(20), until condition: (Contents) -> Bool) -> Bool {
        let deadline = Monotonic.now + limit
        while !contents.withLock({ condition($0) }) {
            guard deadline > .now else { return false }
            changed.wait(until: deadline)
        }
        return true
    }

    /// The access of a worker, which rescues runs in each round and has these duties.
    func access(_ duties: @escaping @Sendable () -> [Duty] = { [] }) -> WorkerQueue {
        WorkerQueue(
            makeAccess: {
                WorkerQueue.Access(
                    poll: { try self.claim().map(WorkerQueue.PollResult.job) ?? .nothing(next: self.nextDue()) },
                    resume: { self.job(Int($0.run) ?? 0, lease: $0.token) })
            },
            makeLeaseKeeper: {
                // A separate one, so that a notification differs from the worker's wake-up.
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
        contents.withLock { $0.scheduled.map { $0.at - .now } }
    }

    private func claim() throws -> Job? {
        let found = try contents.withLock { contents throws -> (String, Int, Bool)? in
            guard contents.isAvailable else { throw Unavailable() }
            contents.polls += 1
            if let (run, moment) = contents.scheduled, moment <= .now {
                contents.due.append(run)
                contents.scheduled = nil
            }
            guard !contents.due.isEmpty else { return nil }
            contents.lastLease += 1
            let (lease, run) = ("\(contents.lastLease)", contents.due.removeFirst())
            contents.leased[lease] = run
            return (lease, run, contents.suspects.contains(run))
        }
        changed.signal()
        guard let (lease, run, isSuspect) = found else { return nil }
        return job(run, lease: lease, isSuspect: isSuspect)
    }

    private func job(_ run: Int, lease: String, isSuspect: Bool = false) -> Job {
        let flag = Flag()
        return Job(
            lease: Lease(run: "\(run)", token: lease), isSuspect: isSuspect,
            run: {
                let ending = try self.step(run, flag)
                if case .settled = ending { self.end(lease, { $0.done.append($1) }) }
                return ending
            },
            release: {
                self.end(lease) {
                    $0.released.append($1)
                    $0.due.append($1)
                }
            },
            interrupt: { flag.raise($0) })
    }

    /// Ends a lease; does nothing if it is lost.
    private func end(_ lease: String, _ record: (inout Contents, Int) -> Void) {
        contents.withLock { contents in
            if let run = contents.leased.removeValue(forKey: lease) { record(&contents, run) }
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

/// The interruption of a run, as received during its execution.
final class Flag: Sendable {
    private let level = Mutex<Interruption?>(nil)
    private let raised: Result<WakeUp, any Error>
    /// Called at each interruption, on its thread.
    private let observer = Mutex<(@Sendable () -> Void)?>(nil)

    init() {
        raised = Result { try WakeUp() }
    }

    func raise(_ interruption: Interruption) {
        level.withLock { $0 = max($0 ?? interruption, interruption) }
        try? raised.get().signal()
        observer.withLock(\.self)?()
    }

    func whenRaised(_ body: @escaping @Sendable () -> Void) { observer.withLock { $0 = body } }

    struct NotInterrupted: Error {}

    /// Waits until the run is interrupted at this level or above; throws after a timeout.
    func wait(for interruption: Interruption) throws {
        let deadline = Monotonic.now + .seconds(20)
        while level.withLock({ $0 ?? .afterStep < interruption || $0 == nil }) {
            guard deadline > .now else { throw NotInterrupted() }
            try raised.get().wait(until: deadline)
        }
    }
}
