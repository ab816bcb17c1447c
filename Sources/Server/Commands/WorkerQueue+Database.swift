import Crypto
import Flows
import Postgres
import System
import WorkerPool

/// How queued runs are carried out.
struct Runs: Sendable {
    let flows: FlowCache
    /// How many limited runs a user may have under way; nil: any number.
    let most: Int?

    /// The next run that is due.
    fileprivate func next(on connection: Connection) throws -> WorkerQueue.Look {
        guard let claim = try Queue.claim(lease: UUIDv7.make(), most: most, on: connection) else {
            return .nothing(next: try Queue.nextDue(on: connection))
        }
        let cancellation = Cancellation()
        let job = Job(
            lease: WorkerPool.Lease(run: claim.execution.id, token: claim.lease),
            run: {
                switch try Runner.work(on: claim, flows: flows, on: connection, cancellation) {
                case .ended, .waits: return .settled
                // Somebody else's, or broken off because the worker leaves: what is not ours cannot be given back.
                case .lost: return .unfinished
                case .postponed(let reason): throw reason
                }
            },
            giveBack: { try Queue.giveBack(claim, isUntried: true, on: connection) },
            interrupt: { interruption in
                switch interruption {
                case .afterStep: cancellation.requestAfterStep()
                case .atOnce: cancellation.request()
                }
            })
        return .job(job)
    }
}

extension WorkerQueue {
    /// The queue in the database; each hand and the keeper have a connection of their own to it.
    init(of runs: Runs, in database: PostgresConfiguration) {
        self.init(
            makeHand: {
                let connection = Connection(database)
                return { try runs.next(on: connection) }
            },
            makeKeeper: {
                let ear = Ear(on: Connection(database))
                var housekeeping = Housekeeping(from: .now)
                return Keeper(
                    renew: { leases in
                        let held = try Queue.prolong(
                            Dictionary(leases.map { ($0.run, $0.token) }) { $1 }, on: ear.connection)
                        return Set(leases.filter { !held.contains($0.token) })
                    },
                    rescue: {
                        let count = try Queue.rescue(on: ear.connection)
                        try housekeeping.goOn(at: .now, on: ear.connection)
                        return count
                    }, enlist: ear.enlist, withdraw: ear.withdraw,
                    wait: ear.wait)
            })
    }
}

/// Hears, by one connection, what this process is notified of. Where sessions are shared nothing is heard: the rounds
/// serve then.
private final class Ear {
    static let channel = "flow_work"

    let connection: Connection
    /// What this process is called in notifications.
    private let worker = UUIDv7.make()
    private var isListening = false

    init(on connection: Connection) {
        self.connection = connection
    }

    func enlist() throws {
        guard connection.configuration.canListen else { return }
        if !isListening { try connection.listen(to: [Self.channel]) }
        isListening = true
        try Queue.registerIdle(worker, on: connection)
    }

    func withdraw() throws {
        guard isListening else { return }
        try Queue.unregisterIdle(worker, on: connection)
    }

    /// True when this process was notified; what others are told ends the wait as well.
    func wait(_ bell: Bell, until deadline: Monotonic) throws -> Bool {
        guard isListening else {
            bell.wait(until: deadline)
            return false
        }
        do {
            let heard = try connection.notifications(waiting: deadline - .now, unlessReadable: bell.descriptor)
            return heard.contains { $0.payload == worker }
        } catch {
            isListening = false
            throw error
        }
    }
}
