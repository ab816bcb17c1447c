import Glibc
import HTTP
import JSON
import System
import TestSupport
import Testing

/// Steps that run programs, with a real worker.
@Suite(.timeLimit(.minutes(3))) struct ExecTests {
    private func call(_ program: String) -> JSON { .flow([.task("a", "exec", ["program": .string(program)])]) }

    /// The worker is killed while the program runs: the program ends, and the step is repeated with the same key.
    @Test func aKilledWorkerEndsItsProgramAndRepeatsTheStep() throws {
        let programs = try TemporaryPrograms()
        let stack = try Stack(settings: ["EXEC_DIR": programs.path])
        let caller = try RunCaller(stack)
        let word = String(UInt64.random(in: 1 << 40...1 << 50))
        try programs.write("program", "#!/bin/sh\n(setsid sleep \(word) &)\nexec sleep \(word)\n")
        let id = try caller.start(keeping: call("program"))
        try eventually("the program runs") { processes(with: word).count == 2 }
        try programs.write("program", "#!/bin/sh\necho \"\\\"$IDEMPOTENCY_KEY\\\"\"\necho 'only for the log' >&2\n")
        let worker = try #require(stack.processes.first { $0.arguments.contains("work") })
        #expect(kill(worker.id, SIGKILL) == 0)
        try eventually("the program has ended") { processes(with: word).isEmpty }
        let run = try caller.end(id)
        #expect(run["status"] == "completed", "\(run.text)")
        #expect(run["steps"]?.each("output") == [.string("\(id)-1")] && run["steps"]?.each("attempts") == [2])
        try stack.waitForLog { stack.log.contains("program-errors") && stack.log.contains("only for the log") }
        #expect(!run.text.contains("only for the log"))
    }

    /// The process beside the program is killed: all that the program has started ends before the step does.
    @Test func aKilledStageEndsItsProgramAndFailsTheStep() throws {
        let programs = try TemporaryPrograms()
        let stack = try Stack(settings: ["EXEC_DIR": programs.path])
        let caller = try RunCaller(stack)
        let word = String(UInt64.random(in: 1 << 40...1 << 50))
        try programs.write("program", "#!/bin/sh\n(setsid sleep \(word) <&- >&- 2>&- &)\nexec sleep \(word)\n")
        let id = try caller.start(keeping: call("program"))
        try eventually("the program runs") { processes(with: word).count == 2 }
        let worker = try #require(stack.processes.first { $0.arguments.contains("work") })
        let stages = ProcessTable.children(of: worker.id)
        try #require(stages.count == 1)
        #expect(kill(stages[0], SIGKILL) == 0)
        let run = try caller.end(id)
        #expect(processes(with: word) == [] && ProcessTable.children(of: worker.id) == [])
        #expect(run["status"] == "failed")
        #expect(run["steps"]?.each("error").first?["code"] == "exec_lost", "\(run.text)")
        try stack.waitForLog { stack.log.contains("program-lost") && stack.log.contains("signalled(9)") }
    }

    @Test func cancelEndsTheProgram() throws {
        let programs = try TemporaryPrograms()
        let stack = try Stack(settings: ["EXEC_DIR": programs.path])
        let caller = try RunCaller(stack)
        let word = String(UInt64.random(in: 1 << 40...1 << 50))
        try programs.write("program", "#!/bin/sh\nexec sleep \(word)\n")
        let id = try caller.start(keeping: call("program"))
        try eventually("the program runs") { processes(with: word).count == 1 }
        #expect(try caller.act("cancel", id).status == 200)
        try eventually("the program has ended") { processes(with: word).isEmpty }
        #expect(try caller.run(id)["status"] == "canceled")
    }

    /// The processes that have this word among their arguments.
    private func processes(with word: String) -> [Int32] {
        ProcessTable.ids.filter { id in
            let arguments = (try? Files.read("/proc/\(id)/cmdline"))?.split(separator: 0) ?? []
            return arguments.contains { $0.elementsEqual(word.utf8) }
        }
    }
}
