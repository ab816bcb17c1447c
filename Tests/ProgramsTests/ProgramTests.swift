import Glibc
import System
import TestSupport
import Testing

@testable import Programs

/// What programs get, what they may use, and how they end.
@Suite(.timeLimit(.minutes(2))) struct ProgramTests {
    @Test(arguments: Confinement.possible)
    func aProgramReadsItsInputAndAnswers(confinement: Confinement) throws {
        let runs = try ProgramRuns(confinement)
        let result = try runs.run(
            """
            #!/bin/sh
            printf '{"input":'; cat
            printf ',"arguments":"%s","key":"%s"}' "$*" "$IDEMPOTENCY_KEY"
            echo 'a complaint' >&2
            """, ["one", "two words"], input: #"{"a":[1]}"#, environment: ["IDEMPOTENCY_KEY": "key-1"])
        #expect(result.end == .exited(status: 0), "\(result)")
        let text = #"{"input":{"a":[1]},"arguments":"one two words","key":"key-1"}"#
        #expect(String(decoding: result.output, as: UTF8.self) == text)
        #expect(result.errors == "a complaint\n")
    }

    /// The environment, the descriptors, the working directory, the privileges and the user are not those of a worker.
    @Test(arguments: Confinement.possible)
    func aProgramInheritsNothing(confinement: Confinement) throws {
        let runs = try ProgramRuns(confinement)
        let result = try runs.run(
            """
            #!/usr/bin/env python3
            import os, resource
            def is_open(number):
                try: os.fstat(number)
                except OSError: return False
                return True
            print(sorted(os.environ), [n for n in range(256) if is_open(n)], os.getuid(), os.getgroups(),
                  os.listdir("."), os.getcwd() == os.environ["HOME"] == os.environ["TMPDIR"],
                  os.getsid(0) == os.getpid(),
                  resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE)[1],
                  resource.getrlimit(resource.RLIMIT_FSIZE)[1], resource.getrlimit(resource.RLIMIT_CPU)[1])
            print(os.getcwd())
            """, environment: ["IDEMPOTENCY_KEY": "1"])
        let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n").map(String.init)
        // The interpreter adds LC_CTYPE; files, which it opened itself, are closed when it starts the script.
        #expect(
            lines.first?.replacing("'LC_CTYPE', ", with: "")
                == "['HOME', 'IDEMPOTENCY_KEY', 'LANG', 'PATH', 'TMPDIR'] [0, 1, 2] \(runs.user.id) [] [] True True "
                + "(0, 0) 256 67108864 21", "\(result)")
        let folder = try #require(lines.last)
        #expect(folder.hasPrefix("/tmp/flow-manager-program."))
        #expect(unsafe access(folder, F_OK) != 0)
    }

    @Test func theEndOfAProgramIsReported() throws {
        let runs = try ProgramRuns(.possible[0])
        #expect(try runs.run("#!/bin/sh\necho 1; exit 3\n").end == .exited(status: 3))
        #expect(try runs.run("#!/bin/sh\nkill -9 $$\n").end == .signalled(9))
        #expect(try runs.run("#!/nonexistent/interpreter\n").end == .notStarted("execve: No such file or directory"))
        #expect(try runs.start("missing").result().end == .refused("does not exist, or cannot be read"))
        #expect(unsafe symlink("/bin/sh", runs.folder.path + "/link") == 0)
        #expect(try runs.start("link").result().end == .refused("is a symbolic link"))
    }

    @Test func outputHasALimit() throws {
        let runs = try ProgramRuns(.possible[0])
        let endless = try runs.run("#!/bin/sh\nexec yes\n")
        #expect(endless.end == .tooMuchOutput && endless.output.isEmpty)
        // As much at once as fits into the pipe, and its end.
        #expect(try runs.run("#!/bin/sh\nhead -c 1048577 /dev/zero\n").end == .tooMuchOutput)
        #expect(try runs.run("#!/bin/sh\nhead -c 1048576 /dev/zero\n").output.count == 1 << 20)
    }

    @Test func onlyTheEndOfStandardErrorIsKept() throws {
        let result = try ProgramRuns(.possible[0]).run("#!/bin/sh\nyes | head -c 5000000 >&2; echo last >&2\n")
        #expect(result.end == .exited(status: 0))
        #expect(result.errors.utf8.count == 2_000 && result.errors.hasSuffix("y\nlast\n"))
    }

    /// It need not read its input, nor have any descriptor open.
    @Test func aProgramThatHangsTimesOut() throws {
        let runs = try ProgramRuns(.possible[0])
        var result: ProgramResult?
        let duration = try ContinuousClock().measure {
            result = try runs.run(
                "#!/bin/sh\ntrap '' TERM INT HUP\nexec <&- >&- 2>&-\nsleep 1000\n",
                input: String(repeating: "1", count: 1 << 20), timeout: .milliseconds(500))
        }
        #expect(result?.end == .timedOut)
        #expect(duration < .seconds(10))
    }

    @Test func filesMemoryAndProcessorTimeAreLimited() throws {
        let runs = try ProgramRuns(.possible[0], memory: 256 << 20)
        let result = try runs.run(
            """
            #!/usr/bin/env python3
            import os, signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            found = []
            try: os.truncate(os.open("file", os.O_CREAT | os.O_WRONLY), 65 << 20)
            except OSError: found.append("size")
            try: bytearray(300 << 20)
            except MemoryError: found.append("memory")
            files = []
            try:
                while len(files) < 1000: files.append(os.open("/dev/null", os.O_RDONLY))
            except OSError: found.append("files")
            print(found)
            """)
        #expect(String(decoding: result.output, as: UTF8.self) == "['size', 'memory', 'files']\n", "\(result)")
        // A second of processor time more than the time that it has: the time-out comes first, unless it forks.
        #expect(try runs.run("#!/bin/sh\nwhile :; do :; done\n", timeout: .milliseconds(500)).end == .timedOut)
    }

    @Test func theWorkingFolderIsRemovedWhateverIsInIt() throws {
        let result = try ProgramRuns(.possible[0]).run(
            """
            #!/usr/bin/env python3
            import os
            top = os.getcwd()
            os.symlink("/etc", "link")
            open(b"\\xff\\xfe", "w").close()
            os.mkdir("closed")
            open("closed/file", "w").close()
            os.chmod("closed", 0)
            for _ in range(600):
                os.mkdir("a-folder-with-a-long-name")
                open("file", "w").close()
                os.chdir("a-folder-with-a-long-name")
            print(top)
            """)
        let folder = String(decoding: result.output.dropLast(), as: UTF8.self)
        #expect(result.end == .exited(status: 0) && folder.hasPrefix("/tmp/flow-manager-program."), "\(result)")
        #expect(unsafe access(folder, F_OK) != 0)
        #expect(unsafe access("/etc/passwd", F_OK) == 0)
    }
}
