import System
import Synchronization
import Testing

@Suite struct BellTests {
    @Test func ringsBeforeTheWaitAreOne() throws {
        let bell = try Bell()
        bell.ring()
        bell.ring()
        bell.wait()
        #expect(!bell.hear())
    }

    @Test func aSilentBellIsWaitedForUntilTheDeadline() throws {
        let bell = try Bell()
        let deadline = Monotonic.now + .milliseconds(20)
        bell.wait(until: deadline)
        #expect(Monotonic.now >= deadline)
        #expect(!bell.hear())
    }

    @Test func anotherThreadsRingIsHeard() throws {
        let (there, back) = (try Bell(), try Bell())
        let heard = Atomic(0)
        let thread = try NativeThread {
            for _ in 0..<1_000 {
                there.wait()
                heard.add(1, ordering: .relaxed)
                back.ring()
            }
        }
        for _ in 0..<1_000 {
            there.ring()
            back.wait()
        }
        thread.join()
        #expect(heard.load(ordering: .relaxed) == 1_000)
    }
}
