import Foundation
import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

/// While a table is locked, calls that do not use it are answered as always, and the others are refused at once.
@Suite struct LockedTableTests {
    @Test func healthIsAnsweredWhileUsersAreLocked() throws {
        let stack = try Stack()
        let user = try stack.makeUser()
        let login: JSON = ["email": .string(user.email), "password": .string(user.password)]
        let held = try HeldRows("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", in: stack.database)
        let isOver = Atomic(false)
        let answers = Mutex<[Int: Int]>([:])
        let callers = DispatchGroup()
        for number in 0..<32 {
            callers.enter()
            Thread.detachNewThread {
                while !isOver.load(ordering: .relaxed) {
                    let answer =
                        number.isMultiple(of: 2)
                        ? try? stack.get("/me", token: user.token) : try? stack.post("/login", login)
                    answers.withLock { $0[answer?.status ?? 0, default: 0] += 1 }
                }
                callers.leave()
            }
        }
        try held.waitUntilWanted(by: 2)
        let clock = ContinuousClock()
        var times: [Duration] = []
        let end = clock.now + .seconds(8)
        while clock.now < end {
            let start = clock.now
            #expect(try stack.get("/health").status == 200)
            times.append(clock.now - start)
        }
        let refused = try stack.get("/me", token: user.token)
        isOver.store(true, ordering: .relaxed)
        callers.wait()
        expectProblem(refused, 503)
        #expect(refused.headers["retry-after"] != nil)
        #expect(times.sorted()[times.count * 99 / 100] < .milliseconds(250), "\(times.sorted().suffix(10))")
        // Nothing else was answered, and more calls than the threads could have waited for.
        let counts = answers.withLock { $0 }
        #expect(Set(counts.keys) == [503] && counts[503, default: 0] > 200, "\(counts)")
        try stack.waitForLog { stack.log.contains("database-waits-refused") }

        held.release()
        try eventually("calls are accepted again") { try stack.get("/me", token: user.token).status == 200 }
        for _ in 0..<20 { #expect(try stack.patiently { try stack.post("/login", login) }.status == 200) }
    }
}
