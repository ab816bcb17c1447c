import System
import Supervision
import Testing

/// Invariants of the supervisor under random sequences of events.
@Suite struct SupervisorChanceTests {
    @Test(arguments: 1...4, 0...2)
    func randomEventsKeepTheInvariants(responders: Int, workers: Int) {
        for seed in UInt64(1)...100 {
            var generator = SplitMix64(state: seed)
            var pool = SupervisorSimulation(SupervisorPolicy(responders: responders, workers: workers))
            for _ in 0..<120 {
                applyRandomEvent(to: &pool, &generator)
                #expect(pool.children.count + pool.spawns.count <= responders + workers + 1, "seed \(seed)")
            }
            if seed.isMultiple(of: 2) { settle(&pool, responders, workers, seed) }
            terminate(&pool, &generator, seed)
            #expect(pool.invalidActions.isEmpty, "seed \(seed)")
        }
    }

    private func applyRandomEvent(to pool: inout SupervisorSimulation, _ generator: inout SplitMix64) {
        let child = pool.children.keys.sorted().randomElement(using: &generator)
        switch Int.random(in: 0..<14, using: &generator) {
        case 0, 1, 2: pool.start()
        case 3: Bool.random(using: &generator) ? pool.failToStart() : pool.advanceToDeadline()
        case 4, 5, 6: if let child { pool.handle(.ready(child)) }
        case 7: if let child { pool.handle(.exited(child, .exited(1))) }
        case 8: endSignalledChildren(&pool)
        case 9: pool.advance(.milliseconds(Int.random(in: 0...4000, using: &generator)))
        case 10: if let child { pool.handle(.heartbeat(child)) }
        case 11: pool.inspect()
        case 12: if let child, Int.random(in: 0..<4, using: &generator) == 0 { pool.handle(.handedOver(child)) }
        default: pool.handle(.reload)
        }
    }

    /// Ends the children that were sent a signal.
    private func endSignalledChildren(_ pool: inout SupervisorSimulation) {
        for (pid, signals) in pool.children.sorted(by: { $0.key < $1.key }) where !signals.isEmpty {
            pool.handle(.exited(pid, .exited(0)))
        }
    }

    /// With cooperative children, all slots serve after some time and no action is pending.
    private func settle(_ pool: inout SupervisorSimulation, _ responders: Int, _ workers: Int, _ seed: UInt64) {
        for _ in 0..<100 {
            for pid in pool.startAll() { pool.handle(.ready(pid)) }
            for pid in pool.children.keys.sorted() { pool.handle(.ready(pid)) }
            endSignalledChildren(&pool)
            if pool.spawns.isEmpty, pool.state.deadline == nil { break }
            pool.advanceToDeadline()
        }
        #expect(pool.state.deadline == nil, "seed \(seed)")
        #expect(pool.children.count == responders + workers, "seed \(seed)")
        let slots = 0..<responders + workers
        let recipients = Set(slots.compactMap { pool.state.recipient(ofConnectionFrom: 0, slot: $0) })
        #expect(recipients == Set(pool.children.keys.filter { pool.slotOf[$0] ?? 0 < responders }), "seed \(seed)")
    }

    /// Children that react only to SIGKILL delay the end at most by the grace period.
    private func terminate(_ pool: inout SupervisorSimulation, _ generator: inout SplitMix64, _ seed: UInt64) {
        pool.handle(.terminate)
        let limit = pool.now + .seconds(30)
        for _ in 0..<40 where pool.ends == 0 {
            if Bool.random(using: &generator) { applyRandomEvent(to: &pool, &generator) }
        }
        _ = pool.startAll()
        if pool.now < limit { pool.advance(limit - pool.now) }
        for (pid, signals) in pool.children {
            #expect(signals.contains(.kill), "seed \(seed)")
            pool.handle(.exited(pid, .signalled(.kill)))
        }
        #expect(pool.ends == 1, "seed \(seed)")
    }
}

/// Generates the same sequence for the same seed (Steele, Lea and Flood, 2014).
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
