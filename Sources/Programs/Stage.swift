import Glibc
import JSON
import System

/// The process between a worker and a program: it starts the program confined, waits for its end, and kills all of its
/// descendants. It is a mode of this executable without settings, and has only one thread.
///
/// ```
///   worker --- 0: order, 4: input ---> stage --- fork, confine, exec ---> program ---> descendants
///          <-- 1: report ------------        <-- its output, its end ---
///          --- 3: a pipe, until it aborts the program or ends itself
/// ```
///
/// The stage ends only after the last descendant, whichever of these happens first: the program ends, has had its time,
/// writes too much, or the worker closes the pipe, which its death does too. If the stage itself is killed, the kernel
/// kills the program, and the worker adopts and kills the descendants, and removes their folder. Only if both are
/// killed at once, descendants live on with what remains of their limits.
package enum Stage {
    /// The command of this executable.
    package static let command = "stage"

    enum Descriptor {
        static let order: Int32 = 0
        static let report: Int32 = 1
        static let lifeline: Int32 = 3
        static let input: Int32 = 4
    }

    /// How the process exits.
    enum Status {
        static let reported: Int32 = 0
        static let notReported: Int32 = 1
        static let unreadableOrder: Int32 = 2
    }

    /// Performs one order; returns the exit status of the process.
    package static func run() -> Int32 {
        guard let bytes = try? Files.read(Descriptor.order, limit: 4 << 20), let json = try? JSON(parsing: bytes),
            let order = StageOrder(json)
        else { return Status.unreadableOrder }
        let result: ProgramResult
        do {
            result = try perform(order)
        } catch let error as ProgramFolder.Refusal {
            result = ProgramResult(end: .refused(error.reason))
        } catch {
            result = ProgramResult(end: .notStarted("\(error)"))
        }
        return Files.write(result.report, to: Descriptor.report) ? Status.reported : Status.notReported
    }

    private static func perform(_ order: StageOrder) throws -> ProgramResult {
        // Signals to a service's processes end the worker, which the pipe tells.
        let signals = try SignalDescriptor([.child, .terminate, .interrupt, .hangUp, .user1])
        try Descendants.adopt()
        let path = try ProgramFolder(at: order.folder).path(of: order.program)
        let folder = try WorkingFolder(for: order.user)
        defer { folder.remove() }
        var program = ConfinedProgram(
            path, arguments: order.arguments, environment: environment(order, folder))
        program.user = order.user
        program.hasNetwork = order.hasNetwork
        program.limits = limits(order)
        program.landlock = try ConfinedProgram.isLandlockAvailable ? landlock(order, folder) : nil
        // Without it the programs of this user could read what this user may read.
        if program.landlock == nil, order.user == nil {
            throw ProcessError("landlock_create_ruleset", code: EOPNOTSUPP)
        }
        let (output, errors) = (try Pipe(), try Pipe())
        let child = try start(program, order, in: folder, output.writing, errors.writing)
        output.closeWriting()
        errors.closeWriting()
        var watch = ProgramWatch(child, output, errors, signals, until: .now + .milliseconds(order.timeout))
        let end = watch.wait()
        Descendants.end()
        return watch.result(end)
    }

    /// Starts the program. While other programs of its user start processes, it can have too few of them: then these
    /// are counted again.
    private static func start(
        _ program: ConfinedProgram, _ order: StageOrder, in folder: WorkingFolder, _ output: Int32, _ errors: Int32
    ) throws(ProcessError) -> ChildProcess {
        var program = program
        var attempts = 10
        while true {
            do throws(ProcessError) {
                return try program.start(
                    in: folder.path, input: Descriptor.input, output: output, errors: errors)
            } catch {
                attempts -= 1
                guard error.code == EAGAIN, attempts > 0 else { throw error }
                program.limits = limits(order)
            }
        }
    }

    private static func environment(_ order: StageOrder, _ folder: WorkingFolder) -> [String: String] {
        order.environment.merging([
            "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": folder.path, "TMPDIR": folder.path,
        ]) { $1 }
    }

    private static func limits(_ order: StageOrder) -> [ConfinedProgram.Resource: Int] {
        let user = order.user ?? .current
        var limits: [ConfinedProgram.Resource: Int] = [
            .processorSeconds: order.timeout / 1_000 + 1, .fileSize: ProgramPolicy.Limit.fileSize, .coreSize: 0,
            .processes: ProcessTable.threadCount(of: user.id) + ProgramPolicy.Limit.processes,
            .openFiles: ProgramPolicy.Limit.openFiles, .messageQueueBytes: 0,
        ]
        limits[.addressSpace] = order.memory
        return limits
    }

    private static func landlock(_ order: StageOrder, _ folder: WorkingFolder) throws -> Landlock {
        let landlock = try Landlock()
        for path in ProgramPolicy.executable + [order.folder] { try landlock.permit(.execute, to: path) }
        for path in ProgramPolicy.readable { try landlock.permit(.read, to: path) }
        for path in ProgramPolicy.devices { try landlock.permit(.device, to: path) }
        try landlock.permit(.write, to: folder.path)
        return landlock
    }
}
