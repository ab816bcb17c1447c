import System
import Synchronization
import Testing

@Suite struct WakeUpTests {
    @Test func signalsBeforeTheWaitCountAsOne() throws {
        let wakeUp = try WakeUp()
        wakeUp.signal()
        wakeUp.signal()
        wakeUp.wait()
        #expect(!wakeUp.clear())
    }

    @Test func waitsUntilTheDeadline() throws {
        let wakeUp = try WakeUp()
        let deadline = Monotonic.now + .milliseconds(20)
        wakeUp.wait(until: deadline)
        #expect(Monotonic.now >= deadline)
        #expect(!wakeUp.clear())
    }

    @Test func anotherThreadWakesTheOneThatWaits() throws {
        let (there, back) = (try WakeUp(), try WakeUp())
        let woken = Atomic(0)
        let thread = try NativeThread {
            for _ in 0..<1_000 {
                there.wait()
                woken.add(1, ordering: .relaxed)
                back.signal()
            }
        }
        for _ in 0..<1_000 {
            there.signal()
            back.wait()
        }
        thread.join()
        #expect(woken.load(ordering: .relaxed) == 1_000)
    }
}
