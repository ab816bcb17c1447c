import Glibc
import Testing

@testable import SharedMemory

@Suite struct SlotsTests {
    private let memory: SharedMemory

    init() throws {
        memory = try SharedMemory()
    }

    /// A process that does nothing until it is killed.
    private func idleChild() throws -> pid_t {
        var id: pid_t = 0
        var arguments = unsafe [strdup("sleep"), strdup("600"), nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        try #require(unsafe posix_spawn(&id, "/bin/sleep", nil, nil, &arguments, nil) == 0)
        return id
    }

    private func end(_ child: pid_t) {
        kill(child, SIGKILL)
        _ = waitid(P_PID, id_t(child), nil, WEXITED | WNOWAIT)
    }

    private func reap(_ child: pid_t) {
        waitpid(child, nil, 0)
    }

    /// Fills every slot as if this process had acquired it.
    private func fill(_ limit: Int, by holder: Holder) {
        for position in SharedMemory.Layout.holders.prefix(limit) {
            #expect(memory.replace(memory.word(position), by: holder.word, at: position))
        }
    }

    @Test func theLimitAppliesToAllProcessesTogether() throws {
        let slots = Slots(in: memory, limit: 2)
        let others = Slots(in: try memory.mappedAgain(), limit: 2)
        let first = try #require(slots.tryAcquire())
        let second = try #require(others.tryAcquire())
        #expect(slots.tryAcquire() == nil)
        #expect(others.acquire(within: .zero) == nil)
        slots.release(first)
        let third = try #require(others.tryAcquire())
        #expect(slots.tryAcquire() == nil)
        others.release(second)
        others.release(third)
    }

    @Test func theCapacityLimitsTheSlots() {
        let slots = Slots(in: memory, limit: 10_000)
        var held = 0
        while slots.tryAcquire() != nil { held += 1 }
        #expect(held == Slots.capacity)
    }

    @Test func slotsOfADeadHolderAreFreed() throws {
        let child = try idleChild()
        let slots = Slots(in: memory, limit: 2)
        fill(2, by: Holder(id: child))
        #expect(slots.tryAcquire() == nil)
        end(child)
        // The process is dead but not yet reaped.
        #expect(slots.tryAcquire() != nil)
        reap(child)
        #expect(slots.tryAcquire() != nil)
        #expect(slots.tryAcquire() == nil)
    }

    @Test func aReusedProcessIDDoesNotKeepSlots() throws {
        let child = try idleChild()
        defer {
            end(child)
            reap(child)
        }
        let slots = Slots(in: memory, limit: 1)
        fill(1, by: Holder(id: child, start: Holder(id: child).start - 1))
        #expect(slots.tryAcquire() != nil)
    }

    @Test func waitingEndsAfterTheTimeout() throws {
        let slots = Slots(in: memory, limit: 1)
        let slot = try #require(slots.tryAcquire())
        #expect(slots.acquire(within: .milliseconds(1)) == nil)
        slots.release(slot)
        #expect(slots.acquire(within: .milliseconds(1)) != nil)
    }

    @Test func waitingEndsWhenTheHolderDies() throws {
        let child = try idleChild()
        fill(1, by: Holder(id: child))
        let slots = Slots(in: memory, limit: 1)
        onThreads(2) { thread in
            if thread == 0 {
                #expect(slots.acquire(within: .seconds(60)) != nil)
            } else {
                kill(child, SIGKILL)
            }
        }
        reap(child)
    }

    @Test func concurrentCallersStayWithinTheLimitAndAllSucceed() throws {
        let views = [Slots(in: memory, limit: 3), Slots(in: try memory.mappedAgain(), limit: 3)]
        let inside = Tally()
        let turns = Tally()
        onThreads(12) { thread in
            let slots = views[thread % 2]
            for _ in 0..<200 {
                guard let slot = slots.acquire(within: .seconds(60)) else { return }
                inside.add()
                sched_yield()
                inside.add(-1)
                turns.add()
                slots.release(slot)
            }
        }
        #expect(turns.count == 12 * 200)
        #expect(inside.highest <= 3)
    }
}

@Suite struct HolderTests {
    @Test func isEncodedInOneWord() {
        for holder in [Holder(id: getpid()), Holder(id: 1, start: 0), Holder(id: 1 << 22 - 1, start: 1 << 42 - 1)] {
            #expect(Holder(word: holder.word) == holder)
        }
    }

    @Test func thisProcessIsAliveAndHasAStartTime() {
        let own = Holder(id: getpid())
        #expect(own.isAlive)
        #expect(own.start > 0)
    }

    @Test func aProcessThatCannotBeQueriedIsAlive() {
        #expect(Holder(id: 1, start: 0).isAlive)
    }
}
