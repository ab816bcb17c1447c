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

    @Test func anotherThreadWakesAWaitingThread() throws {
        let (request, response) = (try WakeUp(), try WakeUp())
        let woken = Atomic(0)
        let thread = try NativeThread {
            for _ in 0..<1_000 {
                request.wait()
                woken.add(1, ordering: .relaxed)
                response.signal()
            }
        }
        for _ in 0..<1_000 {
            request.signal()
            response.wait()
        }
        thread.join()
        #expect(woken.load(ordering: .relaxed) == 1_000)
    }
}
