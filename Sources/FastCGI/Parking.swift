import CFastCGI
import Glibc
import HTTP
import System
import Synchronization

/// The parked exchanges of a process: how many there are, and which of them are still open.
///
/// Slots have numbers of their own, because the descriptor may belong to another connection by the time an event is
/// handled.
final class Parking: Sendable {
    /// What waits in a slot.
    enum Occupant {
        case pending(PendingResponse, fallback: Response)
        case stream(EventStream)

        /// Ends it because its peer has disconnected.
        func disconnect() {
            switch self {
            case .pending(let response, _): response.disconnect()
            case .stream(let stream): stream.disconnect()
            }
        }

        /// Ends it because the process is draining.
        func end() {
            switch self {
            case .pending(let response, let fallback): response.send(fallback)
            case .stream(let stream): stream.end()
            }
        }
    }

    private struct State {
        var slots: [UInt32: Occupant] = [:]
        var lastNumber: UInt32 = 0
        /// Includes exchanges that are being ended: one counts until its connection is kept, handed over or closed.
        var count = 0
        var streams = 0
        /// The owner of each slot that has one, and how many slots each owner has.
        var owners: [UInt32: String] = [:]
        var owned: [String: Int] = [:]
        /// How many of them are streams.
        var ownedStreams: [String: Int] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let streamCapacity: Int
    /// Signaled when the last exchange has ended after `close`.
    private let emptied: WakeUp

    /// - Parameter streamCapacity: the number of slots that streams may take, so that streams cannot take all slots.
    init(capacity: Int, streamCapacity: Int) throws(FastCGIError) {
        var descriptors = rlimit()
        let isLimited = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &descriptors) == 0
        self.capacity = isLimited ? min(capacity, Int(clamping: descriptors.rlim_cur / 2)) : capacity
        self.streamCapacity = min(streamCapacity, max(1, self.capacity / 2))
        emptied = try WakeUp.make()
    }

    /// Reserves a slot until `release`, and returns its number; nil if no slot is free, the owner has half of them, or
    /// half of the streams, or parking has closed.
    func reserve(for owner: String?, isStream: Bool) -> UInt32? {
        state.withLock { state in
            guard !state.isClosed, state.count < capacity, !isStream || state.streams < streamCapacity else {
                return nil
            }
            if let owner {
                guard state.owned[owner, default: 0] < max(1, capacity / 2),
                    !isStream || state.ownedStreams[owner, default: 0] < max(1, streamCapacity / 2)
                else { return nil }
            }
            state.count += 1
            if isStream { state.streams += 1 }
            // The epoll set uses 0 for "no slot".
            state.lastNumber = max(1, state.lastNumber &+ 1)
            if let owner {
                state.owners[state.lastNumber] = owner
                state.owned[owner, default: 0] += 1
                if isStream { state.ownedStreams[owner, default: 0] += 1 }
            }
            return state.lastNumber
        }
    }

    /// Puts an exchange into its slot; false when it must be ended at once, because parking has closed.
    ///
    /// `arm` starts watching for the peer's end. It runs under the lock, so that no other thread ends the exchange and
    /// closes its connection before it is done.
    func put(_ occupant: Occupant, in slot: UInt32, arm: () -> Void) -> Bool {
        state.withLock {
            guard !$0.isClosed else { return false }
            $0.slots[slot] = occupant
            arm()
            return true
        }
    }

    /// What is in the slot, if it is still open.
    func occupant(of slot: UInt32) -> Occupant? {
        state.withLock { $0.slots[slot] }
    }

    /// Empties the slot of an exchange that is being ended. A later event of its connection is ignored.
    ///
    /// A stream no longer counts as one, so that a reader who has seen the end of one can open the next.
    func remove(_ slot: UInt32, fromStream isStream: Bool = false) {
        state.withLock {
            $0.slots[slot] = nil
            guard isStream else { return }
            $0.streams -= 1
            guard let owner = $0.owners[slot] else { return }
            let left = $0.ownedStreams[owner, default: 1] - 1
            $0.ownedStreams[owner] = left > 0 ? left : nil
        }
    }

    /// Releases the slot, after the exchange has ended and its connection was kept, handed over or closed.
    func release(_ slot: UInt32) {
        let isLast = state.withLock { state in
            state.count -= 1
            if let owner = state.owners.removeValue(forKey: slot) {
                let left = state.owned[owner, default: 1] - 1
                state.owned[owner] = left > 0 ? left : nil
            }
            return state.isClosed && state.count == 0
        }
        if isLast { emptied.signal() }
    }

    /// Writes a comment to each open stream, which shows both sides whether the other is still connected.
    func sendComments() {
        let streams: [EventStream] = state.withLock { state in
            if state.streams == 0 { return [] }
            return state.slots.values.compactMap { if case .stream(let stream) = $0 { stream } else { nil } }
        }
        for stream in streams { stream.send(EventStream.comment) }
    }

    /// Accepts no more exchanges, ends all that are open, and returns when every one has ended.
    func close() {
        let occupants = state.withLock {
            $0.isClosed = true
            return $0.slots.values.map(\.self)
        }
        for occupant in occupants { occupant.end() }
        while state.withLock({ $0.count > 0 }) { emptied.wait() }
    }
}
