import Crypto
import Dispatch
import Foundation
import Synchronization
import SharedMemory
import Testing

@Suite struct HashingSlotsTests {
    @Test func refusesCallsBeyondTheLimit() throws {
        let slots = HashingSlots(Slots(in: try SharedMemory(), limit: 2), waiting: 0)
        let holders = Holders(2, of: slots)
        #expect(throws: PasswordError.busy) { try slots.withSlot {} }
        holders.leave()
        try slots.withSlot {}
    }

    @Test func aWaitingCallGetsTheSlotAndTheNextIsRefused() throws {
        let slots = HashingSlots(Slots(in: try SharedMemory(), limit: 1), waiting: 1, timeout: .seconds(60))
        let holders = Holders(1, of: slots)
        let waiter = Holders(0, of: slots)
        waiter.add()
        while slots.waiting == 0 { sched_yield() }
        #expect(throws: PasswordError.busy) { try slots.withSlot {} }
        holders.leave()
        waiter.awaitEntry()
        #expect(slots.waiting == 0)
        waiter.leave()
        try slots.withSlot {}
    }

    /// Regardless of the number of calls of one client, the next slot goes to another client that waits.
    @Test func aClientThatHoldsOrAwaitsASlotCannotWaitForAnother() throws {
        let slots = HashingSlots(Slots(in: try SharedMemory(), limit: 1), waiting: 2, timeout: .seconds(60))
        let holders = Holders(1, of: slots, for: "a")
        #expect(throws: PasswordError.busy) { try slots.withSlot(for: "a") {} }
        let waiter = Holders(0, of: slots, for: "b")
        waiter.add()
        while slots.waiting == 0 { sched_yield() }
        #expect(throws: PasswordError.busy) { try slots.withSlot(for: "b") {} }
        holders.leave()
        waiter.awaitEntry()
        waiter.leave()
        try slots.withSlot(for: "a") {}
    }

    /// Else it would take the places to wait of one process while it computes in another.
    @Test func aClientThatHoldsASlotInAnotherProcessDoesNotWait() throws {
        let memory = try SharedMemory()
        let slots = HashingSlots(Slots(in: memory, limit: 1), waiting: 1, timeout: .seconds(60))
        let others = HashingSlots(Slots(in: memory, limit: 1), waiting: 1, timeout: .seconds(60))
        let holders = Holders(1, of: others, for: "a")
        #expect(throws: PasswordError.busy) { try slots.withSlot(for: "a") {} }
        let waiter = Holders(0, of: slots, for: "b")
        waiter.add()
        while slots.waiting == 0 { sched_yield() }
        holders.leave()
        waiter.awaitEntry()
        waiter.leave()
        try slots.withSlot(for: "a") {}
    }

    @Test func aClientMayHoldAllFreeSlots() throws {
        let slots = HashingSlots(Slots(in: try SharedMemory(), limit: 3), waiting: 1)
        Holders(3, of: slots, for: "a").leave()
        try slots.withSlot(for: "a") {}
    }

    @Test func waitingEndsAfterTheTimeout() throws {
        let slots = HashingSlots(Slots(in: try SharedMemory(), limit: 1), waiting: 1, timeout: .milliseconds(1))
        let holders = Holders(1, of: slots)
        #expect(throws: PasswordError.busy) { try slots.withSlot {} }
        #expect(slots.waiting == 0)
        holders.leave()
        try slots.withSlot {}
    }

    @Test func concurrentCallsStayWithinTheLimitAndAllSucceed() throws {
        let slots = HashingSlots(Slots(in: try SharedMemory(), limit: 3), waiting: 16, timeout: .seconds(60))
        let inside = Atomic(0)
        let highest = Atomic(0)
        let turns = Atomic(0)
        onThreads(16) {
            for _ in 0..<200 {
                try? slots.withSlot {
                    highest.max(inside.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
                    sched_yield()
                    inside.subtract(1, ordering: .relaxed)
                    turns.add(1, ordering: .relaxed)
                }
            }
        }
        #expect(turns.load(ordering: .relaxed) == 16 * 200)
        #expect(highest.load(ordering: .relaxed) <= 3)
    }

    @Test func reportsHowLongEachCallWaited() throws {
        let waits = Waits()
        let slots = HashingSlots(
            Slots(in: try SharedMemory(), limit: 1), waiting: 1, timeout: .seconds(60), observeWait: waits.add)
        let holders = Holders(1, of: slots)
        #expect(waits.all == [.zero])
        let waiter = Holders(0, of: slots)
        waiter.add()
        while slots.waiting == 0 { sched_yield() }
        #expect(throws: PasswordError.busy) { try slots.withSlot {} }
        #expect(waits.all == [.zero], "a call that is refused at once does not wait")
        holders.leave()
        waiter.awaitEntry()
        #expect(waits.all.count == 2 && waits.all[1] > .zero)
        waiter.leave()
    }

    @Test func reportsWaitsThatTimeOut() throws {
        let waits = Waits()
        let slots = HashingSlots(
            Slots(in: try SharedMemory(), limit: 1), waiting: 1, timeout: .milliseconds(1), observeWait: waits.add)
        let holders = Holders(1, of: slots)
        #expect(throws: PasswordError.busy) { try slots.withSlot {} }
        #expect(waits.all.count == 2 && waits.all[1] >= .milliseconds(1))
        holders.leave()
    }

    private func onThreads(_ count: Int, _ body: @escaping @Sendable () -> Void) {
        let group = DispatchGroup()
        for _ in 0..<count {
            group.enter()
            Thread.detachNewThread {
                body()
                group.leave()
            }
        }
        group.wait()
    }
}

/// The reported waits.
private final class Waits: Sendable {
    private let waits = Mutex<[Duration]>([])

    var all: [Duration] { waits.withLock(\.self) }

    @Sendable func add(_ wait: Duration) { waits.withLock { $0.append(wait) } }
}

/// Threads that hold their slots until `leave` is called.
private struct Holders {
    private let slots: HashingSlots
    private let client: String?
    private let entered = DispatchSemaphore(value: 0)
    private let mayLeave = DispatchSemaphore(value: 0)
    private let left = DispatchGroup()

    init(_ count: Int, of slots: HashingSlots, for client: String? = nil) {
        self.slots = slots
        self.client = client
        for _ in 0..<count { add() }
        for _ in 0..<count { awaitEntry() }
    }

    func add() {
        left.enter()
        Thread.detachNewThread { [self] in
            try? slots.withSlot(for: client) {
                entered.signal()
                mayLeave.wait()
            }
            mayLeave.signal()
            left.leave()
        }
    }

    func awaitEntry() { entered.wait() }

    /// Ends all threads: the first on this signal, each further one on the signal of its predecessor.
    func leave() {
        mayLeave.signal()
        left.wait()
    }
}
