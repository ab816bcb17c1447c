import Glibc
import System
import Testing

/// The supervisor with real processes and signals.
@Suite struct SupervisorTests {
    private func pool(
        _ responders: Int, workers: Int = 0, readiness: Int = 20_000
    ) throws -> (SupervisedPool, [pid_t]) {
        let pool = try SupervisedPool(responders: responders, workers: workers, readiness: readiness)
        let pids = try (0..<responders + workers).map { try pool.pid("started \($0)") }
        try pool.line("allReady")
        return (pool, pids)
    }

    private func isAlive(_ pid: pid_t) -> Bool {
        kill(pid, 0) == 0
    }

    @Test func aKilledResponderIsReplacedWithinASecond() throws {
        let (pool, pids) = try pool(2)
        for pid in pids {
            kill(pid, SIGKILL)
            try pool.line("exited", within: .seconds(1))
            #expect(pool.lines.last?.hasSuffix("\(pid) \(ExitCause.signalled(.kill))") == true)
            try pool.line("allReady", within: .seconds(1))
        }
    }

    @Test func aStoppedChildIsKilledAndReplaced() throws {
        let (pool, pids) = try pool(1, workers: 1)
        for (slot, pid) in pids.enumerated() {
            kill(pid, SIGSTOP)
            try pool.line("hung")
            #expect(try pool.line("exited") == "exited \(slot) \(pid) \(ExitCause.signalled(.kill))")
            try pool.line("allReady")
        }
    }

    private func arguments(of pid: pid_t) throws -> [String] {
        try Files.read("/proc/\(pid)/cmdline").split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The target of a descriptor of another process.
    private func target(of descriptor: Int, in pid: pid_t) -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        let count = unsafe readlink("/proc/\(pid)/fd/\(descriptor)", &bytes, 256)
        return String(decoding: bytes.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    @Test func workersHaveNoSocket() throws {
        let (pool, pids) = try pool(1, workers: 1)
        #expect(try pids.map { try arguments(of: $0).last } == ["respond", "work"])
        #expect(target(of: 0, in: pids[0]).hasPrefix("socket:"))
        #expect(target(of: 0, in: pids[1]) == "/dev/null")
        withExtendedLifetime(pool) {}
    }

    @Test(arguments: [Signal.user1, .hangUp])
    func everyProcessReopensItsLog(signal: Signal) throws {
        let (pool, pids) = try pool(2, workers: 1)
        pool.send(signal)
        if signal == .hangUp { try pool.line("reloaded") }
        pool.send(.terminate)
        let lines = pool.lines + (try pool.lastLines())
        #expect(lines.contains("reopened by the supervisor"))
        for pid in pids { #expect(lines.contains("reopened by \(pid)"), "\(lines)") }
    }

    /// The signal would end a process that is not prepared for it.
    @Test func theSignalToReopenDoesNotEndAChildThatHasJustStarted() throws {
        let pool = try SupervisedPool(
            responders: 0, workers: 1, script: "kill -USR1 $$; exec \(SupervisedPool.fixture) work")
        let pid = try pool.pid("started 0")
        // The child may write before the supervisor has reported its start.
        if !pool.lines.contains("reopened by \(pid)") { try pool.line("reopened by \(pid)") }
        #expect(isAlive(pid))
        pool.send(.terminate)
        #expect(try pool.lastLines().contains("exited 0 \(pid) \(ExitCause.exited(0))"))
    }

    @Test func whatAChildWritesToStandardErrorIsReportedBeforeItsEnd() throws {
        let pool = try SupervisedPool(
            responders: 0, workers: 1,
            script: """
                [ -e "$1.ran" ] && exec \(SupervisedPool.fixture) work
                echo one two >&2; echo >&2; printf three >&2; : >"$1.ran"; kill -SEGV $$
                """)
        defer { unsafe unlink(pool.executable + ".ran") }
        let pid = try pool.pid("started 0")
        try pool.line("exited")
        let lines = pool.lines.filter { $0.hasPrefix("output") || $0.hasPrefix("exited") }
        #expect(lines.dropLast() == ["output 0 \(pid) one two", "output 0 \(pid) three"])
        try pool.line("allReady")
    }

    /// The child starts another process that keeps standard error open, and writes more than a pipe holds.
    @Test func aChildThatWritesMuchDoesNotOccupyTheSupervisor() throws {
        let pool = try SupervisedPool(
            responders: 0, workers: 1,
            script: """
                head -c 1000000 /dev/zero | tr '\\0' x >&2; echo >&2
                (yes "$(printf %0500d 0)" | head -c 2000000; exec sleep 60) >&2 &
                trap "kill $!" EXIT
                \(SupervisedPool.fixture) work
                """)
        let pid = try pool.pid("started 0")
        #expect(try pool.line("output") == "output 0 \(pid) " + String(repeating: "x", count: 500))
        // The child may have been ready before its line was read.
        if !pool.lines.contains("allReady") { try pool.line("allReady") }
        pool.send(.terminate)
        try pool.line("terminating")
        withExtendedLifetime(pool) {}
    }

    @Test(arguments: [Signal.terminate, .interrupt, .quit])
    func allChildrenEndBeforeTheSupervisor(signal: Signal) throws {
        let (pool, pids) = try pool(2, workers: 1)
        pool.send(signal)
        let lines = try pool.lastLines()
        #expect(lines.first == "terminating")
        #expect(lines.last == "ended")
        for pid in pids {
            #expect(lines.contains { $0.hasSuffix("\(pid) \(ExitCause.exited(0))") })
        }
        #expect(pool.ending() == .exited(0))
        #expect(!pids.contains(where: isAlive))
    }

    @Test func theSecondTerminationKills() throws {
        let pool = try SupervisedPool(responders: 1, script: "trap '' TERM; echo deaf; exec sleep 600")
        try pool.line("deaf")
        pool.send(.terminate)
        try pool.line("terminating")
        pool.send(.terminate)
        let lines = try pool.lastLines()
        #expect(lines.contains { $0.hasSuffix("\(ExitCause.signalled(.kill))") })
        #expect(pool.ending() == .exited(0))
    }

    @Test func aReloadKeepsEachChildUntilItsSuccessorIsReady() throws {
        let (pool, old) = try pool(1, workers: 1)
        pool.send(.hangUp)
        try pool.line("reloading")
        for slot in 0..<2 {
            let successor = try pool.pid("started \(slot)")
            #expect(try pool.pid("ready \(slot)") == successor)
            #expect(try pool.pid("exited \(slot)") == old[slot])
            #expect(isAlive(successor))
        }
        try pool.line("reloaded")
        #expect(!old.contains(where: isAlive))
    }

    /// Only the first child grows.
    @Test func aChildThatHasGrownIsReplaced() throws {
        let pool = try SupervisedPool(
            responders: 0, workers: 1,
            script: """
                mkdir "$1.grown" 2>/dev/null && exec \(SupervisedPool.fixture) grow
                exec \(SupervisedPool.fixture) work
                """)
        defer { unsafe rmdir(pool.executable + ".grown") }
        let grown = try pool.pid("started 0")
        try pool.line("recycling")
        let successor = try pool.pid("started 0")
        #expect(try pool.pid("exited 0") == grown)
        #expect(isAlive(successor) && pool.lines.contains("allReady"))
    }

    @Test(arguments: ["exit 1", "exec sleep 600", nil])
    func aBrokenExecutableAbandonsTheReload(script: String?) throws {
        let (pool, old) = try pool(2, readiness: 1000)
        if let script { pool.deploy(script) } else { pool.removeExecutable() }
        pool.send(.hangUp)
        try pool.line("reloadAbandoned")
        #expect(old.allSatisfy(isAlive))

        pool.deploy(nil)
        pool.send(.hangUp)
        try pool.line("reloaded")
        #expect(!old.contains(where: isAlive))
    }

    /// The executable may be replaced before the shell has opened its script.
    @Test func aShellReadsItsScriptNotTheExecutable() throws {
        let pool = try SupervisedPool(
            responders: 0, workers: 1, script: "echo \"reads $0 for $1\"; exec \(SupervisedPool.fixture) work")
        #expect(try pool.line("reads") == "reads \(pool.executable).sh for \(pool.executable)")
    }

    @Test func manyReloadRequestsEnd() throws {
        let (pool, old) = try pool(2)
        for _ in 0..<25 { pool.send(.hangUp) }
        try pool.line("reloaded")
        pool.send(.terminate)
        #expect(try pool.lastLines().last == "ended")
        #expect(!old.contains(where: isAlive))
        let starts = pool.lines.filter { $0.hasPrefix("started") }.count
        #expect((4...6).contains(starts), "\(pool.lines)")
    }

    @Test func respondersEndWhenTheSupervisorIsKilled() throws {
        let (pool, pids) = try pool(2)
        let holder = greeting(of: pool)
        pool.send(.kill)
        #expect(pool.ending() == .signalled(.kill))
        // The responder that holds the connection cannot hand it over.
        let lines = Set(try pool.lastLines())
        #expect(lines == Set(pids.map { "left \($0) supervisorExited keeping \("\($0)" == holder ? 1 : 0)" }))
    }

    @Test func aWorkerEndsWhenTheSupervisorIsKilled() throws {
        let (pool, pids) = try pool(0, workers: 1)
        pool.send(.kill)
        #expect(pool.ending() == .signalled(.kill))
        #expect(try pool.lastLines() == ["left \(pids[0]) supervisorExited"])
    }

    @Test func connectionsAreNotHandedOverToWorkers() throws {
        let (pool, pids) = try pool(1, workers: 1)
        #expect(greeting(of: pool) == "\(pids[0])")
        kill(pids[0], SIGTERM)
        let successor = try pool.pid("ready 0")
        #expect(greeting(of: pool) == "\(successor)")
    }

    /// The next text that the client receives: the id of the process that has adopted its connection.
    private func greeting(of pool: SupervisedPool) -> String? {
        receive(from: pool.client).map { String(decoding: $0.dropLast(), as: UTF8.self) }
    }

    @Test func aKeptConnectionMovesToEachSuccessor() throws {
        let (pool, first) = try pool(1)
        #expect(greeting(of: pool) == "\(first[0])")
        for _ in 0..<3 {
            pool.send(.hangUp)
            let successor = try pool.pid("ready 0")
            #expect(greeting(of: pool) == "\(successor)")
            try pool.line("reloaded")
        }
        pool.send(.terminate)
        #expect(greeting(of: pool) == "")
    }

    @Test func aConnectionInTransitWaitsForAResponder() throws {
        let (pool, pids) = try pool(1)
        #expect(greeting(of: pool) == "\(pids[0])")
        kill(pids[0], SIGTERM)
        let successor = try pool.pid("ready 0")
        #expect(greeting(of: pool) == "\(successor)")
    }
}
