import Glibc
import Testing

@testable import System

/// The figures of a child that does nothing any more, compared with what else the kernel says of it.
@Suite final class ProcessFiguresTests {
    private static let work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    private let folder = "/tmp/flow-manager-figures-\(UInt64.random(in: 0...UInt64.max))"
    private let pipe = Pipe()
    private var stopped: [ChildProcess] = []

    deinit {
        for child in stopped {
            // Also its children.
            kill(-child.id, SIGKILL)
            waitpid(child.id, nil, 0)
        }
        unsafe unlink(folder + "/) 1 (2")
        unsafe rmdir(folder)
    }

    private func shell(_ script: String, named path: String = "/bin/sh") throws -> ChildProcess {
        try ChildProcess.spawn(
            path, arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"], descriptors: [7: pipe.writing])
    }

    /// A shell that has stopped itself after the script.
    private func stoppedShell(_ script: String, named path: String = "/bin/sh") throws -> pid_t {
        let child = try shell(script + "\nkill -STOP $$", named: path)
        stopped.append(child)
        var status: Int32 = 0
        #expect(unsafe waitpid(child.id, &status, WUNTRACED) == child.id)
        #expect(status & 0xFF == 0x7F, "it has not stopped")
        return child.id
    }

    /// A line of `/proc/PID/status` (proc_pid_status(5)).
    private func status(_ name: String, of process: pid_t) throws -> Int {
        let text = String(decoding: try Files.read("/proc/\(process)/status"), as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + ":") })
        return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1]))
    }

    /// The figures of a shell that has ended, and its processor time with that of its children (wait4(2)).
    private func figuresOfAnEndedShell(_ script: String) throws -> (ProcessFigures, total: Double) {
        let child = try shell(script)
        #expect(waitid(P_PID, id_t(child.id), nil, WEXITED | WNOWAIT) == 0)
        let figures = try #require(ProcessFigures(of: child.id))
        var usage = rusage()
        #expect(unsafe wait4(child.id, nil, 0, &usage) == child.id)
        let times = [usage.ru_utime, usage.ru_stime]
        return (figures, times.reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 })
    }

    /// What proc_pid_stat(5) cuts off: a tick of 10 ms in each of four fields.
    private static let precision = 0.041

    @Test func processorTimeOfAnEndedProcess() throws {
        let (figures, total) = try figuresOfAnEndedShell(Self.work)
        #expect(total > 0.05)
        #expect(abs(figures.processorTime - total) < Self.precision)
        #expect(figures.processorTimeOfReaped == 0)
        #expect(figures.residentMemory == 0)
    }

    @Test func processorTimeOfReapedChildren() throws {
        let (figures, total) = try figuresOfAnEndedShell("(\(Self.work)); (\(Self.work)); :")
        #expect(figures.processorTimeOfReaped > 0.05)
        #expect(figures.processorTime < figures.processorTimeOfReaped / 2)
        #expect(abs(figures.processorTime + figures.processorTimeOfReaped - total) < Self.precision)
    }

    /// The kernel sums the memory of several processors up to a few pages differently in each file.
    @Test(arguments: [1, 32]) func residentMemory(mebibytes: Int) throws {
        let process = try stoppedShell("x=$(head -c \(mebibytes << 20) /dev/zero | tr '\\0' x)")
        let expected = try status("VmRSS", of: process) << 10
        let memory = try #require(ProcessFigures(of: process)).residentMemory
        #expect(abs(memory - expected) < 2 << 20)
        #expect(memory > mebibytes << 20)
    }

    @Test func aNameMayContainParentheses() throws {
        unsafe mkdir(folder, 0o700)
        #expect(unsafe symlink("/bin/sh", folder + "/) 1 (2") == 0)
        let process = try stoppedShell("", named: folder + "/) 1 (2")
        #expect(String(decoding: try Files.read("/proc/\(process)/comm"), as: UTF8.self) == ") 1 (2\n")
        let memory = try #require(ProcessFigures(of: process)).residentMemory
        #expect(abs(memory - (try status("VmRSS", of: process) << 10)) < 2 << 20)
    }

    @Test func childrenAndDescriptors() throws {
        let process = try stoppedShell("sleep 600 8>&7 9>&7 & sleep 600 & exec 6>&7")
        let children = ProcessFigures.children(of: process)
        #expect(children.count == 2)
        for child in children { #expect(try status("PPid", of: child) == Int(process)) }
        // Its standard streams, 6 and 7.
        #expect(ProcessFigures.openDescriptors(of: process) == 5)
        #expect(ProcessFigures.children(of: .max).isEmpty)
        #expect(ProcessFigures.openDescriptors(of: .max) == nil)
        #expect(ProcessFigures(of: .max) == nil)
    }

    /// Of a shell and two more; a third one has ended before.
    @Test func figuresOfAProcessAndItsChildren() throws {
        let holding = #"x=$(head -c 16777216 /dev/zero | tr "\0" x); exec 8>&7 9>&7; (echo >&7); kill -STOP $$"#
        let process = try stoppedShell("(\(Self.work)); sh -c '\(holding)' & sh -c '\(holding)' &")
        // Of each child.
        var byte: UInt8 = 0
        for _ in 0..<2 { #expect(unsafe read(pipe.reading, &byte, 1) == 1) }
        let children = ProcessFigures.children(of: process)
        #expect(children.count == 2)
        let all = try ([process] + children).map { try #require(ProcessFigures(of: $0)) }
        let family = try #require(FamilyFigures(of: process))
        #expect(all[0].processorTimeOfReaped > 0.05)
        let time = all[0].processorTimeOfReaped + all.reduce(0) { $0 + $1.processorTime }
        #expect((0..<0.03).contains(family.processorTime - time), "the children may have stopped only just now")
        #expect(abs(family.residentMemory - all.reduce(0) { $0 + $1.residentMemory }) < 2 << 20)
        #expect(family.residentMemory > 32 << 20)
        #expect(family.largestOpenDescriptors == 6, "the standard streams, 7, 8 and 9")
        #expect(FamilyFigures(of: .max) == nil)
    }

    @Test func maximumDescriptors() throws {
        let text = String(decoding: try Files.read("/proc/self/limits"), as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("Max open files") })
        let limit = try #require(Int(line.split(separator: " ")[3]))
        #expect(ProcessFigures.maximumDescriptors == limit)
    }
}
