import System
import Supervision
import Testing

@Suite struct SupervisorStateTests {
    @Test func everySlotIsFilledAndAllReadyIsReportedOnce() {
        var pool = SupervisorSimulation(SupervisorPolicy(responders: 3))
        #expect(pool.spawns == [0, 1, 2])
        let pids = pool.startAll()
        _ = pool.takeReports()
        for pid in pids { pool.handle(.ready(pid)) }
        pool.handle(.ready(pids[0]))
        #expect(
            pool.takeReports() == [
                .ready(.responder, slot: 0, pid: 101), .ready(.responder, slot: 1, pid: 102),
                .ready(.responder, slot: 2, pid: 103), .allReady,
            ])
        #expect(pool.state.deadline == nil)
    }

    @Test func aResponderThatIsNotReadyInTimeIsKilledAndReplaced() {
        var pool = SupervisorSimulation(SupervisorPolicy(responders: 1))
        pool.start()
        pool.advanceToDeadline()
        #expect(pool.children == [101: [.kill]])
        pool.handle(.ready(101))
        #expect(!pool.takeReports().contains(.allReady))
        pool.handle(.exited(101, .signalled(.kill)))
        #expect(pool.spawns == [0])
    }

    @Test func aDeadResponderIsReplacedAtOnce() {
        var pool = SupervisorSimulation.serving(2)
        pool.handle(.exited(102, .signalled(.kill)))
        #expect(pool.spawns == [1])
        pool.start()
        pool.handle(.ready(103))
        #expect(
            pool.takeReports() == [
                .exited(.responder, slot: 1, pid: 102, .signalled(.kill), age: .zero),
                .started(.responder, slot: 1, pid: 103),
                .ready(.responder, slot: 1, pid: 103), .allReady,
            ])
    }

    @Test func aChildThatHasGrownIsReplacedOnce() {
        var pool = SupervisorSimulation.serving(2)
        _ = pool.takeReports()
        pool.handle(.grown(102, bytes: 7))
        #expect(pool.spawns == [1])
        let successor = pool.start()
        pool.handle(.grown(102, bytes: 8))
        #expect(pool.children[102] == [], "it serves until its successor is ready")
        pool.handle(.ready(103))
        #expect(successor == 103 && pool.children[102] == [.terminate])
        pool.handle(.exited(102, .exited(0)))
        #expect(pool.spawns.isEmpty)
        let reports = pool.takeReports()
        #expect(reports.first == .recycling(.responder, slot: 1, pid: 102, .memory(bytes: 7)))
        #expect(!reports.contains(.reloading) && !reports.contains(.reloaded))
    }

    /// Its successor cannot start: the child continues to serve, and is not replaced repeatedly.
    @Test func aFailedSuccessorOfAGrownChildIsNotRetried() {
        var pool = SupervisorSimulation.serving(1)
        pool.handle(.grown(101, bytes: 7))
        pool.failToStart()
        pool.handle(.grown(101, bytes: 8))
        #expect(pool.spawns.isEmpty && pool.children[101] == [])
        pool.handle(.reload)
        #expect(pool.spawns == [0])
    }

    @Test func aChildWithoutHeartbeatsIsKilledAndReplacedAtOnce() {
        var pool = SupervisorSimulation.serving(1, workers: 1)
        for pid: Int32 in [101, 102] { pool.handle(.heartbeat(pid)) }
        pool.advance(.seconds(3))
        for _ in 0..<10 {
            pool.inspect()
            pool.handle(.heartbeat(101))
        }
        #expect(pool.children == [101: [], 102: []])
        pool.inspect()
        #expect(pool.children == [101: [], 102: [.kill]])
        for _ in 0..<20 { pool.inspect() }
        #expect(pool.children == [101: [.kill], 102: [.kill]])
        #expect(pool.takeReports() == [.hung(.worker, slot: 1, pid: 102), .hung(.responder, slot: 0, pid: 101)])
        pool.handle(.exited(102, .signalled(.kill)))
        #expect(pool.spawns == [1])
    }

    /// Of an earlier version, or one that drains, which may take longer.
    @Test func aChildThatHasSentNoHeartbeatYetOrDrainsIsNotKilledForThat() {
        var pool = SupervisorSimulation.serving(2)
        pool.handle(.heartbeat(102))
        pool.handle(.handedOver(102))
        for _ in 0..<100 { pool.inspect() }
        #expect(pool.children == [101: [], 102: []])
    }

    @Test func withoutATimeoutNoChildIsTakenForHung() {
        var policy = SupervisorPolicy(responders: 1)
        policy.heartbeatTimeout = nil
        var pool = SupervisorSimulation(policy)
        for pid in pool.startAll() {
            pool.handle(.ready(pid))
            pool.handle(.heartbeat(pid))
        }
        for _ in 0..<100 { pool.inspect() }
        #expect(pool.children == [101: []])
    }

    @Test func repeatedEarlyExitsBackOff() {
        var pool = SupervisorSimulation(SupervisorPolicy(responders: 1))
        var delays: [Duration] = []
        for _ in 0..<9 {
            guard let pid = pool.start() else { break }
            pool.handle(.ready(pid))
            let exitTime = pool.now
            pool.handle(.exited(pid, .signalled(.kill)))
            if pool.spawns.isEmpty { pool.advanceToDeadline() }
            delays.append(pool.now - exitTime)
        }
        #expect(delays == [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000].map(Duration.milliseconds))
    }

    @Test func theMinimumUptimeResetsTheBackOff() {
        var pool = SupervisorSimulation(SupervisorPolicy(responders: 1))
        for age in [0, 0, 3, 0] {
            guard let pid = pool.start() else { break }
            pool.handle(.ready(pid))
            pool.advance(.seconds(age))
            pool.handle(.exited(pid, .exited(1)))
            if pool.spawns.isEmpty { pool.advanceToDeadline() }
        }
        let backOffs = pool.takeReports().filter { if case .backingOff = $0 { true } else { false } }
        #expect(backOffs == [.backingOff(.responder, slot: 0, delay: .milliseconds(100))])
    }

    @Test func failedStartsBackOff() {
        var pool = SupervisorSimulation(SupervisorPolicy(responders: 1))
        pool.failToStart()
        #expect(pool.spawns == [0])
        pool.failToStart()
        #expect(pool.spawns.isEmpty)
        pool.advance(.milliseconds(99))
        #expect(pool.spawns.isEmpty)
        pool.advance(.milliseconds(1))
        #expect(pool.spawns == [0])
    }

    @Test func aConnectionGoesToItsSlotOrToTheNextReadyOne() {
        var pool = SupervisorSimulation.serving(3)
        #expect(pool.state.recipient(ofConnectionFrom: 1, slot: 1) == 102)
        #expect(pool.state.recipient(ofConnectionFrom: 102, slot: 1) == 103)
        pool.handle(.handedOver(102))
        pool.handle(.exited(103, .exited(0)))
        #expect(pool.state.recipient(ofConnectionFrom: 102, slot: 1) == 101)
        pool.handle(.handedOver(101))
        #expect(pool.state.recipient(ofConnectionFrom: 102, slot: 1) == nil)
    }

    @Test func noConnectionGoesToAWorker() {
        var pool = SupervisorSimulation.serving(1, workers: 2)
        #expect(pool.state.recipient(ofConnectionFrom: 1, slot: 0) == 101)
        #expect(pool.state.recipient(ofConnectionFrom: 102, slot: 1) == 101)
        pool.handle(.handedOver(101))
        #expect(pool.state.recipient(ofConnectionFrom: 101, slot: 0) == nil)
    }

    @Test func aDeadWorkerIsReplacedByAWorker() {
        var pool = SupervisorSimulation.serving(1, workers: 1)
        pool.handle(.exited(102, .signalled(.kill)))
        #expect(pool.start() == 103)
        pool.handle(.ready(103))
        #expect(
            pool.takeReports() == [
                .exited(.worker, slot: 1, pid: 102, .signalled(.kill), age: .zero),
                .started(.worker, slot: 1, pid: 103), .ready(.worker, slot: 1, pid: 103), .allReady,
            ])
    }

    @Test func allReadyIncludesTheWorkers() {
        var pool = SupervisorSimulation(SupervisorPolicy(responders: 1, workers: 1))
        let pids = pool.startAll()
        pool.handle(.ready(pids[0]))
        #expect(!pool.takeReports().contains(.allReady))
        pool.handle(.ready(pids[1]))
        #expect(pool.takeReports().last == .allReady)
    }

    @Test func aResponderThatDrainsByItselfIsKilledAfterTheGracePeriod() {
        var pool = SupervisorSimulation.serving(1)
        pool.handle(.handedOver(101))
        pool.advance(.seconds(20))
        pool.handle(.handedOver(101))
        pool.advance(.seconds(10))
        #expect(pool.children == [101: [.kill]])
    }
}

@Suite struct SupervisorReloadTests {
    @Test func respondersAreReplacedOneByOne() {
        var pool = SupervisorSimulation.serving(2)
        pool.handle(.reload)
        #expect(pool.spawns == [0])
        pool.start()
        #expect(pool.children == [101: [], 102: [], 103: []])
        pool.handle(.ready(103))
        #expect(pool.children == [101: [.terminate], 102: [], 103: []])
        #expect(pool.state.recipient(ofConnectionFrom: 101, slot: 0) == 103)
        #expect(pool.spawns.isEmpty)
        pool.handle(.exited(101, .exited(0)))
        #expect(pool.spawns == [1])
        pool.start()
        pool.handle(.ready(104))
        pool.handle(.exited(102, .exited(0)))
        #expect(pool.children == [103: [], 104: []])
        let reports = pool.takeReports()
        #expect(reports.first == .reloading)
        #expect(reports.last == .reloaded)
        #expect(!reports.contains(.allReady))
        #expect(pool.state.deadline == nil)
    }

    @Test func workersAreReplacedAfterTheResponders() {
        var pool = SupervisorSimulation.serving(1, workers: 1)
        pool.handle(.reload)
        pool.start()
        pool.handle(.ready(103))
        pool.handle(.exited(101, .exited(0)))
        #expect(pool.spawns == [1])
        pool.start()
        #expect(pool.children == [102: [], 103: [], 104: []])
        pool.handle(.ready(104))
        #expect(pool.children == [102: [.terminate], 103: [], 104: []])
        pool.advance(.seconds(30))
        #expect(pool.children[102] == [.terminate, .kill])
        pool.handle(.exited(102, .signalled(.kill)))
        #expect(pool.takeReports().last == .reloaded)
    }

    enum Failure: CaseIterable {
        case dies, isNeverReady, cannotBeStarted
    }

    @Test(arguments: Failure.allCases)
    func aFailedSuccessorKeepsThePredecessors(failure: Failure) {
        var pool = SupervisorSimulation.serving(2)
        pool.handle(.reload)
        switch failure {
        case .dies:
            pool.start()
            pool.handle(.exited(103, .exited(1)))
        case .isNeverReady:
            pool.start()
            pool.advance(.seconds(10))
            #expect(pool.children[103] == [.kill])
            pool.handle(.ready(103))
            pool.handle(.exited(103, .signalled(.kill)))
        case .cannotBeStarted: pool.failToStart()
        }
        #expect(pool.takeReports().last == .reloadAbandoned(slot: 0))
        #expect(pool.children == [101: [], 102: []])
        #expect(pool.spawns.isEmpty)
        pool.handle(.reload)
        #expect(pool.spawns == [0])
    }

    @Test func aReloadRequestedDuringAFailedReloadIsExecuted() {
        var pool = SupervisorSimulation.serving(1)
        pool.handle(.reload)
        pool.start()
        pool.handle(.reload)
        pool.handle(.exited(102, .exited(1)))
        #expect(pool.spawns == [0])
        pool.start()
        pool.handle(.ready(103))
        pool.handle(.exited(101, .exited(0)))
        #expect(pool.takeReports().last == .reloaded)
        #expect(pool.children == [103: []])
    }

    @Test func manyReloadRequestsCauseOneFurtherReload() {
        var pool = SupervisorSimulation.serving(3)
        for _ in 0..<25 { pool.handle(.reload) }
        var started = 0
        while let pid = pool.start() {
            started += 1
            pool.handle(.ready(pid))
            for (draining, signals) in pool.children where signals == [.terminate] {
                pool.handle(.exited(draining, .exited(0)))
            }
        }
        #expect(started == 4)
        #expect(pool.children.keys.sorted() == [105, 106, 107])
        let reports = pool.takeReports()
        #expect(reports.filter { $0 == .reloading }.count == 1)
        #expect(reports.last == .reloaded)
    }

    @Test func aPredecessorThatDiesFirstIsReplacedByItsSuccessor() {
        var pool = SupervisorSimulation.serving(1)
        pool.handle(.reload)
        pool.start()
        pool.handle(.exited(101, .signalled(.kill)))
        #expect(pool.spawns.isEmpty)
        pool.handle(.ready(102))
        #expect(pool.children == [102: []])
        #expect(pool.takeReports().suffix(2) == [.ready(.responder, slot: 0, pid: 102), .allReady])
    }

    @Test func aReloadEndsABackOff() {
        var pool = SupervisorSimulation(SupervisorPolicy(responders: 1))
        pool.failToStart()
        pool.failToStart()
        #expect(pool.spawns.isEmpty)
        pool.handle(.reload)
        #expect(pool.spawns == [0])
    }

    @Test func aPredecessorThatDoesNotEndIsKilledAfterTheGracePeriod() {
        var pool = SupervisorSimulation.serving(1)
        pool.handle(.reload)
        pool.start()
        pool.handle(.ready(102))
        pool.advance(.seconds(29))
        #expect(pool.children[101] == [.terminate])
        pool.advanceToDeadline()
        #expect(pool.children[101] == [.terminate, .kill])
    }
}

@Suite struct SupervisorTerminationTests {
    @Test func childrenAreTerminatedThenKilled() {
        var pool = SupervisorSimulation.serving(2)
        pool.handle(.terminate)
        #expect(pool.hasStoppedListening)
        #expect(pool.children == [101: [.terminate], 102: [.terminate]])
        pool.handle(.exited(101, .exited(0)))
        #expect(pool.ends == 0)
        pool.advance(.seconds(30))
        #expect(pool.children == [102: [.terminate, .kill]])
        pool.handle(.exited(102, .signalled(.kill)))
        #expect(pool.ends == 1)
    }

    @Test func theSecondRequestKillsAtOnce() {
        var pool = SupervisorSimulation.serving(1)
        pool.handle(.terminate)
        pool.handle(.terminate)
        #expect(pool.children == [101: [.terminate, .kill]])
    }

    @Test func reloadsDoNotInterruptATermination() {
        var pool = SupervisorSimulation.serving(2)
        pool.handle(.reload)
        pool.start()
        pool.handle(.terminate)
        pool.handle(.reload)
        pool.handle(.ready(103))
        #expect(pool.children == [101: [.terminate], 102: [.terminate], 103: [.terminate]])
        for pid: Int32 in [103, 101, 102] { pool.handle(.exited(pid, .exited(0))) }
        #expect(pool.spawns.isEmpty)
        #expect(pool.ends == 1)
        #expect(!pool.takeReports().contains(.reloaded))
    }

    @Test func withoutChildrenTheTerminationEndsAtOnce() {
        var pool = SupervisorSimulation(SupervisorPolicy(responders: 1))
        pool.failToStart()
        pool.failToStart()
        pool.handle(.terminate)
        #expect(pool.ends == 1)
    }

    @Test func aChildThatIsBeingStartedIsTerminated() {
        var pool = SupervisorSimulation(SupervisorPolicy(responders: 1))
        pool.handle(.terminate)
        #expect(pool.ends == 0)
        pool.start()
        #expect(pool.children == [101: [.terminate]])
        pool.handle(.exited(101, .signalled(.terminate)))
        #expect(pool.ends == 1)
    }
}
