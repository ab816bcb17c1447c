import Glibc
import System
import TestSupport
import Testing

@testable import Programs

/// No process that a program has started outlives it.
@Suite(.timeLimit(.minutes(2))) struct DescendantTests {
    /// A number that no other process has as an argument.
    private let word = String(UInt64.random(in: 1 << 40...1 << 50))

    /// Starts a daemon, with a session of its own and without the program's descriptors.
    private var daemon: String { "(setsid sleep \(word) <&- >&- 2>&- &)\n" }

    private func expectNone(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(processes(with: word) == [], sourceLocation: sourceLocation)
    }

    /// Waits until that many processes have the word.
    private func wait(for count: Int) throws {
        let deadline = Monotonic.now + .seconds(20)
        while processes(with: word).count < count {
            guard deadline > .now else { throw TestFailure("the program has not started its daemons") }
            poll(nil, 0, 10)
        }
    }

    @Test(arguments: Confinement.possible)
    func daemonsEndWithTheProgram(confinement: Confinement) throws {
        let runs = try ProgramRuns(confinement)
        let result = try runs.run("#!/bin/sh\n\(daemon)\(daemon)echo 1\n")
        #expect(result.end == .exited(status: 0) && result.output == Array("1\n".utf8))
        expectNone()
    }

    @Test func daemonsEndWhenTheProgramTimesOut() throws {
        let result = try ProgramRuns(.possible[0]).run("#!/bin/sh\n\(daemon)sleep 1000\n", timeout: .milliseconds(500))
        #expect(result.end == .timedOut)
        expectNone()
    }

    @Test(arguments: Confinement.possible)
    func abortEndsTheProgramAndItsDaemons(confinement: Confinement) throws {
        let runs = try ProgramRuns(confinement)
        try runs.folder.write("program", "#!/bin/sh\n\(daemon)exec sleep \(word)\n")
        let running = try runs.start()
        try wait(for: 2)
        running.stop()
        #expect(try running.result().end == .aborted)
        expectNone()
    }

    /// The kernel kills the program when its stage is killed, and the worker removes its folder.
    @Test func theProgramEndsWithItsStage() throws {
        let runs = try ProgramRuns(.possible[0])
        try runs.folder.write("program", "#!/bin/sh\nexec sleep \(word)\n")
        let running = try runs.start()
        try wait(for: 1)
        let program = try #require(processes(with: word).first)
        let stages = ProcessTable.children(of: getpid()).filter { ProcessTable.children(of: $0).contains(program) }
        let stage = try #require(stages.first)
        var folder = [CChar](repeating: 0, count: Int(PATH_MAX))
        let isFound = unsafe realpath("/proc/\(program)/cwd", &folder) != nil
        try #require(isFound)
        #expect(kill(stage, SIGKILL) == 0)
        #expect(try running.result().end == .lost("stage: signalled(9)"))
        let deadline = Monotonic.now + .seconds(10)
        while !processes(with: word).isEmpty, deadline > .now { poll(nil, 0, 10) }
        expectNone()
        #expect(unsafe access(folder, F_OK) != 0, "the folder is left behind")
    }

    /// A process that starts as many as it can gets only some, and none is left.
    @Test(arguments: Confinement.possible)
    func aForkBombIsBounded(confinement: Confinement) throws {
        let runs = try ProgramRuns(confinement)
        let result = try runs.run(
            """
            #!/usr/bin/env python3
            import os, signal
            count = 0
            try:
                while count < 500:
                    if os.fork() == 0:
                        os.setsid()
                        os.execv("/bin/sleep", ["sleep", "\(word)"])
                    count += 1
            except BlockingIOError: pass
            print(count)
            """)
        let count = try #require(Int(String(decoding: result.output.dropLast(), as: UTF8.self)), "\(result)")
        #expect(count >= 20 && count <= 70)
        expectNone()
    }

    /// Processes that end themselves and leave others behind cannot outrun the stage.
    @Test func processesThatReplaceThemselvesEnd() throws {
        let runs = try ProgramRuns(.possible[0])
        let result = try runs.run(
            """
            #!/usr/bin/env python3
            import os
            for _ in range(8):
                if os.fork() == 0:
                    while True:
                        try:
                            if os.fork() != 0: os._exit(0)
                            os.setsid()
                        except BlockingIOError: pass
            """, timeout: .seconds(5))
        #expect(result.end == .exited(status: 0), "\(result)")
        // The interpreter has the path of the script as an argument.
        #expect(processes(with: runs.folder.path + "/program") == [])
    }
}
