import App
import Flows
import HTTP
import Postgres
import System

/// The work of the thread that passes on events: a round asks the database once for all calls. It belongs to that
/// thread.
struct EventRound {
    /// The time between two rounds for calls that are waiting for events.
    private static let interval = Duration.milliseconds(250)
    /// How often the database is asked what still permits the calls, and which runs are active.
    private static let recheck = Duration.seconds(30)
    /// How many positions of the log are read at once.
    private static let positionsPerRead = 500

    private let connection: Connection
    private let observe: Observer
    private var recipients: [EventRecipient] = []
    /// When each reader whose events are written was last registered.
    private var registered: [EventReader: Monotonic] = [:]
    /// A transaction below which none can begin, from the last registration.
    private var floor: Int64?
    private var nextRead = Monotonic(sinceBoot: .zero)
    private var nextCheck = Monotonic(sinceBoot: .zero)
    private var isAvailable = true
    /// The number of streams that was last reported.
    private var streams = 0

    init(_ connection: Connection, observe: @escaping Observer) {
        self.connection = connection
        self.observe = observe
    }

    /// When the next round is due; nil while there are no calls.
    var next: Monotonic? { recipients.isEmpty ? nil : nextRead }

    mutating func run(with arrived: [EventSubscription], at now: Monotonic = .now) {
        let isDue = nextRead <= now
        if isDue { nextRead = now + Self.interval }
        recipients += arrived.map { EventRecipient($0, at: now) }
        removeOver(at: now)
        do {
            try register(at: now)
            try admit()
            try check(all: isDue && nextCheck <= now, at: now)
            try record(at: now)
            try follow(all: isDue, at: now)
            isAvailable = true
        } catch {
            if isAvailable { observe(.eventsUnavailable(error)) }
            isAvailable = false
        }
        removeOver(at: now)
    }

    /// The process no longer passes on events.
    mutating func leave() { report(0) }

    private mutating func removeOver(at now: Monotonic) {
        let time = WallClock.seconds
        for index in recipients.indices {
            if let expires = recipients[index].subscription.permit.expires, expires <= time {
                recipients[index].revoke()
            }
            if recipients[index].finish(at: now) { observe(.eventReaderTooSlow) }
        }
        recipients.removeAll(where: \.isOver)
        report(recipients.count(where: \.isStream))
    }

    private mutating func report(_ count: Int) {
        if count != streams { observe(.eventStreams(count - streams)) }
        streams = count
    }
}

extension EventRound {
    /// Has the events written that the calls read.
    private mutating func register(at now: Monotonic) throws {
        let readers = Set(recipients.map(\.subscription.reader))
        let due = readers.filter { reader in registered[reader].map { $0 + EventLog.renewal <= now } ?? true }
        registered = registered.filter { readers.contains($0.key) || $0.value + EventLog.renewal > now }
        guard !due.isEmpty else { return }
        floor = try EventLog.register(due, on: connection)
        let lapsed = due.filter { reader in registered[reader].map { $0 + EventLog.registrationLimit <= now } ?? false }
        if !lapsed.isEmpty { losePositions(of: lapsed) }
        for reader in due { registered[reader] = now }
    }

    /// The log may have gaps since the positions of these readers' calls: the database could not be asked for too long.
    private mutating func losePositions(of readers: Set<EventReader>) {
        for index in recipients.indices where readers.contains(recipients[index].subscription.reader) {
            guard case .following = recipients[index].stage else { continue }
            recipients[index].lostPosition = true
            recipients[index].stage = .arriving
        }
    }

    /// Finds out where new calls begin, if the log has what they ask for.
    private mutating func admit() throws {
        let arriving = recipients.indices.filter { if case .arriving = recipients[$0].stage { true } else { false } }
        guard !arriving.isEmpty else { return }
        let readers = Set(arriving.map { recipients[$0].subscription.reader })
        let registrations = try EventLog.registrations(of: readers, on: connection)
        var latest: [EventSource: EventPosition] = [:]
        for index in arriving {
            let subscription = recipients[index].subscription
            guard let registration = registrations[subscription.reader] else {
                registered[subscription.reader] = nil
                continue
            }
            // The position from which the call came is of no use after a gap.
            let cursor = recipients[index].lostPosition ? nil : subscription.cursor
            switch cursor {
            case .position(let position)? where registration.covers(.position(position)),
                .end(let position)? where registration.covers(.position(position)):
                recipients[index].stage = .following(position)
                continue
            case .position?, .end?: recipients[index].lostPosition = true
            case .steps?, nil: break
            }
            guard registration.isComplete else { continue }
            switch subscription.source {
            case .run:
                var seen = StepsSeen()
                if case .steps(let known)? = cursor { seen = known }
                recipients[index].stage = .recording(seen)
            case .runs(let visibility):
                if latest[subscription.source] == nil {
                    let last = try EventLog.latest(of: visibility, on: connection)
                    latest[subscription.source] = (last ?? registration.start).noEarlier(than: registration.since)
                }
                if let position = latest[subscription.source] { recipients[index].stage = .following(position) }
            }
        }
    }

    /// Ends the streams that nothing permits any more, and finds the runs that have ended.
    ///
    /// - Parameter all: whether all calls are checked; otherwise those that have arrived.
    private mutating func check(all: Bool, at now: Monotonic) throws {
        if all {
            let permits = Set(recipients.map(\.subscription.permit))
            let valid = try EventPermit.valid(among: permits, on: connection)
            for index in recipients.indices where !valid.contains(recipients[index].subscription.permit) {
                recipients[index].revoke()
            }
            nextCheck = now + Self.recheck
        }
        var runs: [String: [Int]] = [:]
        for index in recipients.indices where all || !recipients[index].isChecked {
            guard case .following = recipients[index].stage, case .run(let id) = recipients[index].subscription.source
            else { continue }
            runs[id, default: []].append(index)
        }
        guard !runs.isEmpty else { return }
        let active = try EventLog.active(among: Array(runs.keys), on: connection)
        for (id, members) in runs {
            for index in members {
                recipients[index].isChecked = true
                recipients[index].hasEnded = !active.contains(id)
            }
        }
    }

    /// Passes on the records of runs. Calls that have the same part of one share what is read.
    private mutating func record(at now: Monotonic) throws {
        struct Part: Hashable {
            let run: String
            let seen: StepsSeen
            let reader: EventReader
        }
        var parts: [Part: [Int]] = [:]
        for index in recipients.indices where recipients[index].hasRoom() {
            guard case .recording(let seen) = recipients[index].stage,
                case .run(let id) = recipients[index].subscription.source
            else { continue }
            parts[Part(run: id, seen: seen, reader: recipients[index].subscription.reader), default: []].append(index)
        }
        guard !parts.isEmpty else { return }
        let registrations = try EventLog.registrations(of: Set(parts.keys.map(\.reader)), on: connection)
        for (part, members) in parts {
            guard let registration = registrations[part.reader], registration.isComplete else { continue }
            let record: EventLog.Record?
            do {
                record = try EventLog.record(
                    of: part.run, beyond: part.seen, from: registration.start, on: connection)
            } catch let error where (error as? PostgresError)?.isDatabaseTrouble != true {
                // Of this run alone: other calls must not wait for it.
                observe(.eventsUnavailable(error))
                for index in members { recipients[index].fail() }
                continue
            }
            let items = record?.events.map { event -> EventRecipient.Item in
                let position: EventPosition? = if case .position(let position) = event.cursor { position } else { nil }
                return (event, event.streamText, position)
            }
            for index in members {
                guard let items else {
                    // The run was deleted.
                    recipients[index].revoke()
                    recipients[index].isCurrent = true
                    continue
                }
                reset(index, to: .steps(StepsSeen()), at: now)
                observe(.eventsDelivered(recipients[index].receive(items, at: now)))
            }
        }
    }

    /// Passes on what follows the positions of the calls in the log.
    ///
    /// - Parameter all: whether to all calls; otherwise to those that have arrived.
    private mutating func follow(all: Bool, at now: Monotonic) throws {
        var positions: [EventLog.Request: [Int]] = [:]
        for index in recipients.indices where (all || !recipients[index].isCurrent) && recipients[index].hasRoom() {
            guard case .following(let position) = recipients[index].stage else { continue }
            reset(index, to: .position(position), at: now)
            positions[EventLog.Request(recipients[index].subscription.source, after: position), default: []].append(
                index)
        }
        // In a new order each time: if there is more than one read takes, others come first next time.
        let requests = positions.keys.shuffled()
        for start in stride(from: 0, to: requests.count, by: Self.positionsPerRead) {
            let part = Array(requests[start..<min(start + Self.positionsPerRead, requests.count)])
            let (answers, horizon) = try EventLog.read(part, on: connection)
            let reached = floor.flatMap { $0 <= horizon ? $0 : nil }
            for (request, answer) in zip(part, answers) {
                let items = answer.events.map { ($0.event, $0.event.streamText, Optional($0.position)) }
                for index in positions[request, default: []] {
                    pass(items, isComplete: answer.isComplete, upTo: reached, to: index, at: now)
                }
            }
        }
    }

    private mutating func pass(
        _ items: [EventRecipient.Item], isComplete: Bool, upTo floor: Int64?, to index: Int, at now: Monotonic
    ) {
        let count = items.isEmpty ? 0 : recipients[index].receive(items, at: now)
        if count > 0 { observe(.eventsDelivered(count)) }
        guard isComplete, count == items.count, !recipients[index].isOver else { return }
        guard recipients[index].hasEnded else { return recipients[index].isComplete(upTo: floor, at: now) }
        // The log does not have the end of the run, or the run is gone: its record says which.
        recipients[index].hasEnded = false
        recipients[index].stage = .recording(.all)
    }

    /// Tells a call that it has lost its position, if it has.
    private mutating func reset(_ index: Int, to cursor: EventCursor, at now: Monotonic) {
        guard recipients[index].lostPosition else { return }
        recipients[index].lostPosition = false
        let event = RunEvent.reset(cursor)
        let stage = recipients[index].stage
        _ = recipients[index].receive([(event, event.streamText, nil)], at: now)
        if !recipients[index].isOver { recipients[index].stage = stage }
    }
}
