import Foundation
import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

/// A thousand calls of one user's hook, without a limit, beside another user. `drill/neighbours` has ten times as many
/// and measures the times.
@Suite(.timeLimit(.minutes(3))) struct HookFloodTests {
    @Test func othersWorkDuringAThousandCallsOfAHook() throws {
        let stack = try Stack(settings: ["RATE_LIMIT_HOOK": "off"])
        let (owner, stranger) = (try RunCaller(stack), try RunCaller(stack))
        let called = try owner.keep(.flow([.task("a", "pass")]))
        let hook = try owner.post("/api/workflows/\(called)/hooks")
        let target = "/hooks/\(try #require(hook["token"].stringValue, "\(hook.text)"))"
        let own = try stranger.keep(.flow([.task("a", "pass")]))

        let begun = Atomic(0)
        let answered = Atomic(0)
        let refused = Mutex<[Int: Int]>([:])
        let services = DispatchGroup()
        for _ in 0..<8 {
            services.enter()
            Thread.detachNewThread {
                defer { services.leave() }
                while true {
                    let number = begun.add(1, ordering: .relaxed).newValue
                    guard number <= 1_000 else { return }
                    let id = ("Webhook-Id", "delivery-\(number)")
                    let status = (try? stack.post(target, ["number": JSON(number)], headers: [id]))?.status ?? 0
                    if status != 202 { refused.withLock { $0[status, default: 0] += 1 } }
                    answered.add(1, ordering: .relaxed)
                }
            }
        }
        var times: [Duration] = []
        while answered.load(ordering: .relaxed) < 1_000 {
            let start = ContinuousClock.now
            #expect(try stranger.get("/me").status == 200)
            let run = try stranger.post("/api/workflows/\(own)/execute", [:], headers: [("Prefer", "wait=20")])
            #expect(run.status == 200 && run["status"] == "completed", "\(run.text)")
            times.append(.now - start)
        }
        services.wait()
        #expect(refused.withLock { $0 } == [:])
        // Many times what both calls take on a machine that is slow and busy; the calls of the hook take longer.
        #expect(times.count >= 3 && times.allSatisfy { $0 < .seconds(5) }, "\(times)")
        let runs = try stack.database.connect().query(
            "SELECT count(DISTINCT trigger->>'delivery_id'), count(*) FROM executions WHERE user_id = \(owner.user.id)")
        #expect(try runs.only.decode(Int.self, Int.self) == (1_000, 1_000))
    }
}
