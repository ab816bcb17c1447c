import System
import Supervision
import Testing

@Suite struct SupervisorStateTests {
    @Test func everySlotIsFilledAndReportedWholeOnce() {
        var pool = SupervisorRehearsal(SupervisorPolicy(responders: 3))
        #expect(pool.spawns == [0, 1, 2])
        let pids = pool.startAll()
        _ = pool.takeReports()
        for pid in pids { pool.tell(.ready(pid)) }
        pool.tell(.ready(pids[0]))
        #expect(
            pool.takeReports() == [
                .ready(.responder, slot: 0, pid: 101), .ready(.responder, slot: 1, pid: 102),
                .ready(.responder, slot: 2, pid: 103), .allReady,
            ])
        #expect(pool.state.deadline == nil)
    }

    @Test func aResponderThatIsNotReadyInTimeIsKilledAndReplaced() {
        var pool = SupervisorRehearsal(SupervisorPolicy(responders: 1))
        pool.start()
        pool.passToDeadline()
        #expect(pool.children == [101: [.kill]])
        pool.tell(.ready(101))
        #expect(!pool.takeReports().contains(.allReady))
        pool.tell(.exited(101, .signalled(.kill)))
        #expect(pool.spawns == [0])
    }

    @Test func aDeadResponderIsReplacedAtOnce() {
        var pool = SupervisorRehearsal.serving(2)
        pool.tell(.exited(102, .signalled(.kill)))
        #expect(pool.spawns == [1])
        pool.start()
        pool.tell(.ready(103))
        #expect(
            pool.takeReports() == [
                .exited(.responder, slot: 1, pid: 102, .signalled(.kill), age: .zero),
                .started(.responder, slot: 1, pid: 103),
                .ready(.responder, slot: 1, pid: 103), .allReady,
            ])
    }

    @Test func dyingYoungAgainAndAgainIsAnsweredMoreSlowly() {
        var pool = SupervisorRehearsal(SupervisorPolicy(responders: 1))
        var delays: [Duration] = []
        for _ in 0..<9 {
            guard let pid = pool.start() else { break }
            pool.tell(.ready(pid))
            let death = pool.now
            pool.tell(.exited(pid, .signalled(.kill)))
            if pool.spawns.isEmpty { pool.passToDeadline() }
            delays.append(pool.now - death)
        }
        #expect(delays == [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000].map(Duration.milliseconds))
    }

    @Test func havingLivedMakesUpForEarlierDeaths() {
        var pool = SupervisorRehearsal(SupervisorPolicy(responders: 1))
        for age in [0, 0, 3, 0] {
            guard let pid = pool.start() else { break }
            pool.tell(.ready(pid))
            pool.pass(.seconds(age))
            pool.tell(.exited(pid, .exited(1)))
            if pool.spawns.isEmpty { pool.passToDeadline() }
        }
        let backOffs = pool.takeReports().filter { if case .backingOff = $0 { true } else { false } }
        #expect(backOffs == [.backingOff(.responder, slot: 0, delay: .milliseconds(100))])
    }

    @Test func whatCannotBeStartedIsTriedAgainMoreSlowly() {
        var pool = SupervisorRehearsal(SupervisorPolicy(responders: 1))
        pool.failToStart()
        #expect(pool.spawns == [0])
        pool.failToStart()
        #expect(pool.spawns.isEmpty)
        pool.pass(.milliseconds(99))
        #expect(pool.spawns.isEmpty)
        pool.pass(.milliseconds(1))
        #expect(pool.spawns == [0])
    }

    @Test func aConnectionGoesToTheSameSlotElseToTheNextThatServes() {
        var pool = SupervisorRehearsal.serving(3)
        #expect(pool.state.recipient(ofConnectionFrom: 1, slot: 1) == 102)
        #expect(pool.state.recipient(ofConnectionFrom: 102, slot: 1) == 103)
        pool.tell(.handedOver(102))
        pool.tell(.exited(103, .exited(0)))
        #expect(pool.state.recipient(ofConnectionFrom: 102, slot: 1) == 101)
        pool.tell(.handedOver(101))
        #expect(pool.state.recipient(ofConnectionFrom: 102, slot: 1) == nil)
    }

    @Test func noConnectionGoesToAWorker() {
        var pool = SupervisorRehearsal.serving(1, workers: 2)
        #expect(pool.state.recipient(ofConnectionFrom: 1, slot: 0) == 101)
        #expect(pool.state.recipient(ofConnectionFrom: 102, slot: 1) == 101)
        pool.tell(.handedOver(101))
        #expect(pool.state.recipient(ofConnectionFrom: 101, slot: 0) == nil)
    }

    @Test func aDeadWorkerIsReplacedAsOne() {
        var pool = SupervisorRehearsal.serving(1, workers: 1)
        pool.tell(.exited(102, .signalled(.kill)))
        #expect(pool.start() == 103)
        pool.tell(.ready(103))
        #expect(
            pool.takeReports() == [
                .exited(.worker, slot: 1, pid: 102, .signalled(.kill), age: .zero),
                .started(.worker, slot: 1, pid: 103), .ready(.worker, slot: 1, pid: 103), .allReady,
            ])
    }

    @Test func aWorkerThatIsNotReadyKeepsThePoolFromBeingWhole() {
        var pool = SupervisorRehearsal(SupervisorPolicy(responders: 1, workers: 1))
        let pids = pool.startAll()
        pool.tell(.ready(pids[0]))
        #expect(!pool.takeReports().contains(.allReady))
        pool.tell(.ready(pids[1]))
        #expect(pool.takeReports().last == .allReady)
    }

    @Test func aResponderThatLeavesUnaskedHasTheSameTimeForIt() {
        var pool = SupervisorRehearsal.serving(1)
        pool.tell(.handedOver(101))
        pool.pass(.seconds(20))
        pool.tell(.handedOver(101))
        pool.pass(.seconds(10))
        #expect(pool.children == [101: [.kill]])
    }
}

@Suite struct SupervisorReloadTests {
    @Test func respondersAreReplacedOneByOne() {
        var pool = SupervisorRehearsal.serving(2)
        pool.tell(.reload)
        #expect(pool.spawns == [0])
        pool.start()
        #expect(pool.children == [101: [], 102: [], 103: []])
        pool.tell(.ready(103))
        #expect(pool.children == [101: [.terminate], 102: [], 103: []])
        #expect(pool.state.recipient(ofConnectionFrom: 101, slot: 0) == 103)
        #expect(pool.spawns.isEmpty)
        pool.tell(.exited(101, .exited(0)))
        #expect(pool.spawns == [1])
        pool.start()
        pool.tell(.ready(104))
        pool.tell(.exited(102, .exited(0)))
        #expect(pool.children == [103: [], 104: []])
        let reports = pool.takeReports()
        #expect(reports.first == .reloading)
        #expect(reports.last == .reloaded)
        #expect(!reports.contains(.allReady))
        #expect(pool.state.deadline == nil)
    }

    @Test func workersAreReplacedAfterTheResponders() {
        var pool = SupervisorRehearsal.serving(1, workers: 1)
        pool.tell(.reload)
        pool.start()
        pool.tell(.ready(103))
        pool.tell(.exited(101, .exited(0)))
        #expect(pool.spawns == [1])
        pool.start()
        #expect(pool.children == [102: [], 103: [], 104: []])
        pool.tell(.ready(104))
        #expect(pool.children == [102: [.terminate], 103: [], 104: []])
        pool.pass(.seconds(30))
        #expect(pool.children[102] == [.terminate, .kill])
        pool.tell(.exited(102, .signalled(.kill)))
        #expect(pool.takeReports().last == .reloaded)
    }

    enum Failure: CaseIterable {
        case dies, isNeverReady, cannotBeStarted
    }

    @Test(arguments: Failure.allCases)
    func aSuccessorThatFailsLeavesThePredecessors(failure: Failure) {
        var pool = SupervisorRehearsal.serving(2)
        pool.tell(.reload)
        switch failure {
        case .dies:
            pool.start()
            pool.tell(.exited(103, .exited(1)))
        case .isNeverReady:
            pool.start()
            pool.pass(.seconds(10))
            #expect(pool.children[103] == [.kill])
            pool.tell(.ready(103))
            pool.tell(.exited(103, .signalled(.kill)))
        case .cannotBeStarted: pool.failToStart()
        }
        #expect(pool.takeReports().last == .reloadAbandoned(slot: 0))
        #expect(pool.children == [101: [], 102: []])
        #expect(pool.spawns.isEmpty)
        pool.tell(.reload)
        #expect(pool.spawns == [0])
    }

    @Test func aRequestDuringAReloadThatFailsIsCarriedOut() {
        var pool = SupervisorRehearsal.serving(1)
        pool.tell(.reload)
        pool.start()
        pool.tell(.reload)
        pool.tell(.exited(102, .exited(1)))
        #expect(pool.spawns == [0])
        pool.start()
        pool.tell(.ready(103))
        pool.tell(.exited(101, .exited(0)))
        #expect(pool.takeReports().last == .reloaded)
        #expect(pool.children == [103: []])
    }

    @Test func aStormCostsAtMostOneRoundMore() {
        var pool = SupervisorRehearsal.serving(3)
        for _ in 0..<25 { pool.tell(.reload) }
        var started = 0
        while let pid = pool.start() {
            started += 1
            pool.tell(.ready(pid))
            for (leaving, signals) in pool.children where signals == [.terminate] {
                pool.tell(.exited(leaving, .exited(0)))
            }
        }
        #expect(started == 4)
        #expect(pool.children.keys.sorted() == [105, 106, 107])
        let reports = pool.takeReports()
        #expect(reports.filter { $0 == .reloading }.count == 1)
        #expect(reports.last == .reloaded)
    }

    @Test func aPredecessorThatDiesFirstIsReplacedByItsSuccessor() {
        var pool = SupervisorRehearsal.serving(1)
        pool.tell(.reload)
        pool.start()
        pool.tell(.exited(101, .signalled(.kill)))
        #expect(pool.spawns.isEmpty)
        pool.tell(.ready(102))
        #expect(pool.children == [102: []])
        #expect(pool.takeReports().suffix(2) == [.ready(.responder, slot: 0, pid: 102), .allReady])
    }

    @Test func aSlotThatWaitsToBeFilledIsFilledAtOnce() {
        var pool = SupervisorRehearsal(SupervisorPolicy(responders: 1))
        pool.failToStart()
        pool.failToStart()
        #expect(pool.spawns.isEmpty)
        pool.tell(.reload)
        #expect(pool.spawns == [0])
    }

    @Test func aPredecessorThatStaysIsKilledAfterTheGrace() {
        var pool = SupervisorRehearsal.serving(1)
        pool.tell(.reload)
        pool.start()
        pool.tell(.ready(102))
        pool.pass(.seconds(29))
        #expect(pool.children[101] == [.terminate])
        pool.passToDeadline()
        #expect(pool.children[101] == [.terminate, .kill])
    }
}

@Suite struct SupervisorTerminationTests {
    @Test func everybodyIsAskedThenKilled() {
        var pool = SupervisorRehearsal.serving(2)
        pool.tell(.terminate)
        #expect(pool.hasStoppedListening)
        #expect(pool.children == [101: [.terminate], 102: [.terminate]])
        pool.tell(.exited(101, .exited(0)))
        #expect(pool.ends == 0)
        pool.pass(.seconds(30))
        #expect(pool.children == [102: [.terminate, .kill]])
        pool.tell(.exited(102, .signalled(.kill)))
        #expect(pool.ends == 1)
    }

    @Test func theSecondRequestKillsAtOnce() {
        var pool = SupervisorRehearsal.serving(1)
        pool.tell(.terminate)
        pool.tell(.terminate)
        #expect(pool.children == [101: [.terminate, .kill]])
    }

    @Test func nothingOverridesIt() {
        var pool = SupervisorRehearsal.serving(2)
        pool.tell(.reload)
        pool.start()
        pool.tell(.terminate)
        pool.tell(.reload)
        pool.tell(.ready(103))
        #expect(pool.children == [101: [.terminate], 102: [.terminate], 103: [.terminate]])
        for pid: Int32 in [103, 101, 102] { pool.tell(.exited(pid, .exited(0))) }
        #expect(pool.spawns.isEmpty)
        #expect(pool.ends == 1)
        #expect(!pool.takeReports().contains(.reloaded))
    }

    @Test func withNobodyThereItEndsAtOnce() {
        var pool = SupervisorRehearsal(SupervisorPolicy(responders: 1))
        pool.failToStart()
        pool.failToStart()
        pool.tell(.terminate)
        #expect(pool.ends == 1)
    }

    @Test func whoIsJustBeingStartedIsWaitedFor() {
        var pool = SupervisorRehearsal(SupervisorPolicy(responders: 1))
        pool.tell(.terminate)
        #expect(pool.ends == 0)
        pool.start()
        #expect(pool.children == [101: [.terminate]])
        pool.tell(.exited(101, .signalled(.terminate)))
        #expect(pool.ends == 1)
    }
}
