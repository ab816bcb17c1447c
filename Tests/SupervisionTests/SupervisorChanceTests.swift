import System
import Supervision
import Testing

/// Whatever happens in whatever order, some things never do.
@Suite struct SupervisorChanceTests {
    @Test(arguments: 1...4, 0...2)
    func chanceFindsNoWayOut(responders: Int, workers: Int) {
        for seed in UInt64(1)...100 {
            var chance = SplitMix64(state: seed)
            var pool = SupervisorRehearsal(SupervisorPolicy(responders: responders, workers: workers))
            for _ in 0..<120 {
                happen(to: &pool, &chance)
                #expect(pool.children.count + pool.spawns.count <= responders + workers + 1, "seed \(seed)")
            }
            if seed.isMultiple(of: 2) { settle(&pool, responders, workers, seed) }
            terminate(&pool, &chance, seed)
            #expect(pool.absurdities.isEmpty, "seed \(seed)")
        }
    }

    private func happen(to pool: inout SupervisorRehearsal, _ chance: inout SplitMix64) {
        let child = pool.children.keys.sorted().randomElement(using: &chance)
        switch Int.random(in: 0..<12, using: &chance) {
        case 0, 1, 2: pool.start()
        case 3: Bool.random(using: &chance) ? pool.failToStart() : pool.passToDeadline()
        case 4, 5, 6: if let child { pool.tell(.ready(child)) }
        case 7: if let child { pool.tell(.exited(child, .exited(1))) }
        case 8: obey(&pool)
        case 9: pool.pass(.milliseconds(Int.random(in: 0...4000, using: &chance)))
        case 10: if let child, Int.random(in: 0..<4, using: &chance) == 0 { pool.tell(.handedOver(child)) }
        default: pool.tell(.reload)
        }
    }

    /// Those that were sent a signal die of it.
    private func obey(_ pool: inout SupervisorRehearsal) {
        for (pid, signals) in pool.children.sorted(by: { $0.key < $1.key }) where !signals.isEmpty {
            pool.tell(.exited(pid, .exited(0)))
        }
    }

    /// With children that do as they are told, all slots serve before long and nothing is left to do.
    private func settle(_ pool: inout SupervisorRehearsal, _ responders: Int, _ workers: Int, _ seed: UInt64) {
        for _ in 0..<100 {
            for pid in pool.startAll() { pool.tell(.ready(pid)) }
            for pid in pool.children.keys.sorted() { pool.tell(.ready(pid)) }
            obey(&pool)
            if pool.spawns.isEmpty, pool.state.deadline == nil { break }
            pool.passToDeadline()
        }
        #expect(pool.state.deadline == nil, "seed \(seed)")
        #expect(pool.children.count == responders + workers, "seed \(seed)")
        let slots = 0..<responders + workers
        let recipients = Set(slots.compactMap { pool.state.recipient(ofConnectionFrom: 0, slot: $0) })
        #expect(recipients == Set(pool.children.keys.filter { pool.slotOf[$0] ?? 0 < responders }), "seed \(seed)")
    }

    /// Children that react to nothing but SIGKILL cannot hold up the end beyond the grace.
    private func terminate(_ pool: inout SupervisorRehearsal, _ chance: inout SplitMix64, _ seed: UInt64) {
        pool.tell(.terminate)
        let limit = pool.now + .seconds(30)
        for _ in 0..<40 where pool.ends == 0 {
            if Bool.random(using: &chance) { happen(to: &pool, &chance) }
        }
        _ = pool.startAll()
        if pool.now < limit { pool.pass(limit - pool.now) }
        for (pid, signals) in pool.children {
            #expect(signals.contains(.kill), "seed \(seed)")
            pool.tell(.exited(pid, .signalled(.kill)))
        }
        #expect(pool.ends == 1, "seed \(seed)")
    }
}

/// A generator that gives the same sequence for the same seed (Steele, Lea and Flood, 2014).
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
