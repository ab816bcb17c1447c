import Glibc
import System
import Testing

@Suite struct ExecutablePathTests {
    private let actual = executablePath(argument0: "") ?? ""

    @Test func anArgumentWithAnotherPathIsIgnored() {
        #expect(actual.hasPrefix("/"))
        for argument in ["/bin/sh", "/nonexistent", "relative/nowhere", "program"] {
            #expect(executablePath(argument0: argument) == actual)
        }
    }

    @Test func aLinkToThisProgramIsNotResolved() throws {
        let link = "/tmp/executable-path-\(getpid())"
        #expect(unsafe symlink(actual, link) == 0)
        defer { unsafe unlink(link) }
        #expect(executablePath(argument0: link) == link)
    }

    @Test func aDeletedProgramKeepsItsPath() throws {
        let copy = "/tmp/executable-path-copy-\(getpid())"
        let fixture = actual.prefix(through: actual.lastIndex(of: "/") ?? actual.startIndex) + "supervised"
        let copying = Pipe()
        let copier = try ChildProcess.spawn(
            "/bin/cp", arguments: [String(fixture), copy], environment: [:], descriptors: [1: copying.writing])
        #expect(copying.text() == "")
        awaitEnd(of: copier)
        defer { unsafe unlink(copy) }

        let (input, output) = (Pipe(), Pipe())
        let child = try ChildProcess.spawn(
            copy, arguments: ["path"], environment: [:], descriptors: [0: input.reading, 1: output.writing, 2: 2])
        unsafe unlink(copy)
        input.closeWriting()
        #expect(output.text() == copy + "\n")
        awaitEnd(of: child)
    }

    private func awaitEnd(of child: ChildProcess) {
        while child.reap() == nil { sched_yield() }
    }
}
