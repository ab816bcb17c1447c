import Glibc
import System
import Testing

@Suite struct ChildProcessTests {
    /// The standard output of `/bin/sh -c script`, with only the descriptors in `more` open besides.
    private func output(of script: String, more: [Int32: Int32] = [:]) throws -> String {
        let pipe = Pipe()
        let child = try shell(script, [1: pipe.writing].merging(more) { $1 })
        let text = pipe.text()
        #expect(end(of: child) == .exited(0))
        return text
    }

    private func shell(_ script: String, _ descriptors: [Int32: Int32] = [:]) throws -> ChildProcess {
        try ChildProcess.spawn(
            "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"], descriptors: descriptors)
    }

    /// Waits for the end of the child and reaps it.
    private func end(of child: ChildProcess) -> ExitCause? {
        _ = waitid(P_PID, id_t(child.id), nil, WEXITED | WNOWAIT)
        return child.reap()
    }

    @Test(arguments: [
        ("exit 0", ExitCause.exited(0)), ("exit 7", .exited(7)), ("exit 255", .exited(255)),
        ("kill -9 $$", .signalled(.kill)), ("kill -TERM $$", .signalled(.terminate)),
    ])
    func reportsHowAChildEnded(script: String, cause: ExitCause) throws {
        #expect(try end(of: shell(script)) == cause)
    }

    @Test func aRunningChildIsNotReaped() throws {
        let pipe = Pipe()
        let child = try shell("read line", [0: pipe.reading])
        #expect(child.reap() == nil)
        child.send(.kill)
        #expect(end(of: child) == .signalled(.kill))
        #expect(child.reap() == .unknown)
    }

    @Test func aMissingProgramIsAnError() {
        #expect(throws: ProcessError("posix_spawn", code: ENOENT)) {
            try ChildProcess.spawn("/nonexistent", arguments: [], environment: [:], descriptors: [:])
        }
    }

    @Test func argumentsAndEnvironmentArriveAsGiven() throws {
        let pipe = Pipe()
        let child = try ChildProcess.spawn(
            "/bin/sh", arguments: ["-c", "printf '%s|' \"$0\" \"$@\"; env -i sh -c : ; echo $A", "a b", "", "é\n"],
            environment: ["A": "x=y", "PATH": "/usr/bin:/bin"], descriptors: [1: pipe.writing])
        #expect(pipe.text() == "a b||é\n|x=y\n")
        #expect(end(of: child) == .exited(0))
    }

    @Test func descriptorsMayKeepOrSwapTheirNumbers() throws {
        let pipe = Pipe()
        let (reading, writing) = (pipe.reading, pipe.writing)
        let kept = try shell("echo kept > /proc/self/fd/\(writing)", [writing: writing])
        #expect(end(of: kept) == .exited(0))
        let swapped = try shell("echo swapped > /proc/self/fd/\(reading)", [reading: writing, writing: reading])
        #expect(end(of: swapped) == .exited(0))
        #expect(pipe.text() == "kept\nswapped\n")
    }

    @Test func noOtherDescriptorsAreInherited() throws {
        // `ls` reads the directory through the lowest number that is free.
        #expect(try output(of: "exec ls /proc/self/fd") == "0\n1\n2\n3\n")
        let inherited = dup(1)
        defer { close(inherited) }
        #expect(try output(of: "exec ls /proc/self/fd", more: [5: inherited]) == "0\n1\n2\n3\n5\n")
    }

    @Test func missingStandardDescriptorsAreDevNull() throws {
        #expect(try output(of: "readlink /proc/self/fd/0 /proc/self/fd/2; cat") == "/dev/null\n/dev/null\n")
    }

    @Test func signalMasksAreReset() throws {
        var (set, old) = (sigset_t(), sigset_t())
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGUSR2)
        unsafe pthread_sigmask(SIG_BLOCK, &set, &old)
        let text = try output(of: "exec sed -nE 's/Sig(Blk|Ign):.//p' /proc/self/status")
        unsafe pthread_sigmask(SIG_SETMASK, &old, nil)
        let masks = text.split(separator: "\n").compactMap { UInt64($0, radix: 16) }
        // Signals 32 and 33 are reserved by glibc.
        #expect(masks.map { $0 & 0x7fff_ffff } == [0, 0])
    }

    @Test func theChildLeadsItsOwnProcessGroup() throws {
        let pipe = Pipe()
        let child = try shell("read line", [0: pipe.reading])
        #expect(getpgid(child.id) == child.id)
        child.send(.kill)
        #expect(end(of: child) == .signalled(.kill))
    }
}
