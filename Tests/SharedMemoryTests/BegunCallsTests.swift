import System
import Testing

@testable import SharedMemory

@Suite struct BegunCallsTests {
    private let memory: SharedMemory
    private let calls: BegunCalls
    private let start = Monotonic(sinceBoot: .seconds(1_000))

    init() throws {
        memory = try SharedMemory()
        calls = BegunCalls(in: memory)
    }

    @Test(arguments: [0, 1, 1 << 32, 0xFFFF_FFFF_0000_0001, .max])
    func aCallIsBegunOnce(id: UInt64) throws {
        let other = BegunCalls(in: try memory.mappedAgain())
        #expect(calls.begin(id, at: start))
        #expect(!other.begin(id, at: start + .seconds(14)))
        #expect(other.begin(id ^ 1 << 40, at: start))
        calls.end(id)
        #expect(other.begin(id, at: start + .seconds(14)))
    }

    /// What a killed process has left is forgotten when nothing repeats it.
    @Test func aCallIsForgotten() {
        #expect(calls.begin(7, at: start))
        #expect(!calls.begin(7, at: start + .seconds(14)))
        #expect(calls.begin(7, at: start + .seconds(15)))
    }

    /// Whoever takes all slots does not have the calls of others refused.
    @Test func withoutASlotACallBegins() {
        for id in 2..<UInt64(BegunCalls.rowLength + 2) { #expect(calls.begin(id << 32, at: start)) }
        #expect(calls.begin(1 << 60, at: start))
        #expect(!calls.begin(3 << 32, at: start), "those with a slot begin once")
    }

    @Test func oneOfManyConcurrentCallsBegins() {
        let begun = Tally()
        for id in 1...100 as ClosedRange<UInt64> {
            onThreads(4) { [calls, start] _ in if calls.begin(id << 40 | id, at: start) { begun.add() } }
        }
        #expect(begun.count == 100)
    }
}
