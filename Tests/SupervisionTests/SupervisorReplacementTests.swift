import Glibc
import System
import Supervision
import Testing

/// Responders that serve and are replaced for what they do.
@Suite struct SupervisorReplacementTests {
    private func figures(busyFor seconds: Int) -> ChildFigures {
        ChildFigures(longestRequest: LongRequest(endpoint: "GET /me", duration: .seconds(seconds)))
    }

    @Test func aResponderWithARequestThatTakesTooLongDrainsAndIsKilled() {
        var pool = SupervisorSimulation.serving(2) { $0.requestTerminateTimeout = .seconds(120) }
        pool.inspect(102, figures(busyFor: 120))
        #expect(pool.spawns.isEmpty)
        pool.inspect(102, figures(busyFor: 121))
        #expect(pool.spawns == [1])
        let request = LongRequest(endpoint: "GET /me", duration: .seconds(121))
        #expect(
            pool.takeReports() == [
                .recycling(.responder, slot: 1, pid: 102, .request(request)),
                .requestOverdue(request, slot: 1, pid: 102),
            ])
        pool.start()
        pool.inspect(102, figures(busyFor: 122))
        #expect(pool.children[102] == [], "its other threads serve until its successor is ready")
        pool.handle(.ready(103))
        #expect(pool.children[102] == [.terminate])
        pool.advance(.seconds(29))
        #expect(pool.children[102] == [.terminate], "its other threads finish")
        pool.advance(.seconds(1))
        #expect(pool.children[102] == [.terminate, .kill])
        pool.handle(.exited(102, .signalled(.kill)))
        #expect(pool.spawns.isEmpty)
        #expect(!pool.takeReports().contains { if case .requestOverdue = $0 { true } else { false } })
    }

    @Test func withoutALimitARequestMayTakeAnyTime() {
        var pool = SupervisorSimulation.serving(1)
        pool.inspect(101, figures(busyFor: 1_000_000))
        #expect(pool.spawns.isEmpty && pool.takeReports().isEmpty)
    }

    @Test func respondersAreReplacedAfterSoManyRequestsAndNotAllAtOnce() {
        var pool = SupervisorSimulation.serving(4) { $0.maxRequests = 1_000 }
        for (slot, pid) in (101...104).enumerated() {
            let limit = 1_000 - slot * 1_000 / 16
            pool.inspect(Int32(pid), ChildFigures(requests: limit - 1))
            #expect(pool.takeReports().isEmpty)
            pool.inspect(Int32(pid), ChildFigures(requests: limit))
            pool.inspect(Int32(pid), ChildFigures(requests: limit + 1))
            #expect(
                pool.takeReports() == [.recycling(.responder, slot: slot, pid: Int32(pid), .requests(limit))])
        }
        #expect(pool.spawns == [0], "one after the other")
    }

    @Test(arguments: [1, 2, 64]) func eachLimitOfRequestsIsPositive(limit: Int) {
        var pool = SupervisorSimulation.serving(64) { $0.maxRequests = limit }
        for pid in Int32(101)...164 { pool.inspect(pid, ChildFigures(requests: 0)) }
        #expect(pool.takeReports().isEmpty)
    }
}

/// What follows from crashes.
@Suite struct EmergencyRestartTests {
    private func pool() -> SupervisorSimulation {
        SupervisorSimulation.serving(3, workers: 1) {
            $0.emergencyRestartThreshold = 3
            $0.emergencyRestartInterval = .seconds(60)
        }
    }

    /// The holder of the slot ends like that, and its successor serves for longer than the minimum.
    private func end(_ pid: Int32, _ signal: Signal, in pool: inout SupervisorSimulation) -> Int32 {
        pool.handle(.exited(pid, .signalled(signal)))
        if pool.spawns.isEmpty { pool.advanceToDeadline() }
        guard let successor = pool.start() else { return 0 }
        pool.handle(.ready(successor))
        pool.advance(.seconds(5))
        return successor
    }

    @Test(arguments: [SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGFPE].map(Signal.init(rawValue:)))
    func soManyCrashesReplaceAllChildren(signal: Signal) {
        var pool = pool()
        var pid = end(101, signal, in: &pool)
        pid = end(pid, signal, in: &pool)
        #expect(!pool.takeReports().contains(.reloading))
        _ = end(pid, signal, in: &pool)
        let reports = pool.takeReports()
        #expect(reports.contains(.emergencyRestart(crashes: 3)) && reports.contains(.reloading))
        // The crashed child is of the new generation already.
        for _ in 0..<3 {
            if let successor = pool.start() { pool.handle(.ready(successor)) }
            for (draining, signals) in pool.children where signals == [.terminate] {
                pool.handle(.exited(draining, .exited(0)))
            }
        }
        #expect(pool.takeReports().last == .reloaded)
        #expect(Set(pool.children.keys).isDisjoint(with: [102, 103, 104]))
    }

    @Test func otherEndsAndOldCrashesDoNotCount() {
        var pool = pool()
        var pid: Int32 = 101
        for signal in [Signal.kill, .terminate, .kill, .kill] { pid = end(pid, signal, in: &pool) }
        let abort = Signal(rawValue: SIGABRT)
        for _ in 0..<5 {
            pid = end(pid, abort, in: &pool)
            pool.advance(.seconds(26))
        }
        #expect(!pool.takeReports().contains(.reloading))
    }

    /// A loop of crashes must not restart without a delay.
    @Test func theBackOffRemains() {
        var pool = pool()
        var pid: Int32 = 101
        for _ in 0..<3 {
            pool.handle(.exited(pid, .signalled(Signal(rawValue: SIGSEGV))))
            if pool.spawns.isEmpty { pool.advanceToDeadline() }
            pid = pool.start() ?? 0
            pool.handle(.ready(pid))
        }
        let delays = pool.takeReports().compactMap { report -> Duration? in
            if case .backingOff(_, _, let delay) = report { delay } else { nil }
        }
        #expect(delays == [.milliseconds(100), .milliseconds(200)])
    }
}
