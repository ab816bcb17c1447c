import Glibc
import Synchronization
import System
import TestSupport

@testable import Programs

/// How programs are kept from what they must not reach.
enum Confinement: String, CaseIterable {
    /// The service runs as root, and programs as `nobody`.
    case user
    /// The service is no root, and programs run as its own user.
    case landlock

    /// Those that can be tried: only root can run a stage as another user.
    static var possible: [Confinement] { getuid() == 0 ? allCases : [.landlock] }
}

/// Programs in a folder of their own, which are run as a worker runs them.
final class ProgramRuns: Sendable {
    let folder: TemporaryPrograms
    /// The user of the programs.
    let user: UserAccount
    private let runner: ProgramRunner

    init(_ confinement: Confinement, memory: Int? = 512 << 20, hasNetwork: Bool = false) throws {
        folder = try TemporaryPrograms()
        let watch: ProgramRunner.Watch = { descriptor, body in
            _ = try? NativeThread {
                _ = readable(among: [descriptor], until: nil)
                body()
            }.detach()
        }
        let known = try ProgramFolder(at: folder.path)
        switch (confinement, getuid()) {
        case (.user, _):
            let policy = try ProgramPolicy(folder: folder.path, user: nil, memory: memory, hasNetwork: hasNetwork)
            user = policy.user ?? .current
            runner = try ProgramRunner(policy, executable: Stack.executable, watch: watch)
        case (.landlock, 0):
            user = UserAccount(id: 65_533, group: 65_533)
            // The stage of a service with that user.
            let wrapper =
                "#!/bin/sh\nexec setpriv --reuid=65533 --regid=65533 --clear-groups '\(Stack.executable)' \"$@\"\n"
            try folder.write("stage.sh", wrapper)
            runner = try ProgramRunner(
                ProgramPolicy(known, as: nil, memory: memory, hasNetwork: hasNetwork),
                executable: folder.path + "/stage.sh", watch: watch)
        case (.landlock, _):
            user = .current
            runner = try ProgramRunner(
                ProgramPolicy(known, as: nil, memory: memory, hasNetwork: hasNetwork), executable: Stack.executable,
                watch: watch)
        }
    }

    /// Starts a program. Its result comes later.
    func start(
        _ name: String = "program", _ arguments: [String] = [], input: String = "null",
        environment: [String: String] = [:], timeout: Duration = .seconds(20)
    ) throws -> RunningProgram {
        let running = try RunningProgram()
        let abort = runner.start(
            ProgramRequest(
                name, arguments: arguments, input: Array(input.utf8), environment: environment, timeout: timeout),
            for: "test"
        ) { running.end(with: $0) }
        running.abort.withLock { $0 = abort }
        return running
    }

    /// Writes a program and runs it.
    func run(
        _ text: String, _ arguments: [String] = [], input: String = "null", environment: [String: String] = [:],
        timeout: Duration = .seconds(20)
    ) throws -> ProgramResult {
        try folder.write("program", text)
        return try start("program", arguments, input: input, environment: environment, timeout: timeout).result()
    }
}

/// A program that was started.
final class RunningProgram: Sendable {
    fileprivate let abort = Mutex<@Sendable () -> Void>({})
    private let ended: WakeUp
    private let found = Mutex<ProgramResult?>(nil)

    init() throws { ended = try WakeUp() }

    func end(with result: ProgramResult) {
        found.withLock { $0 = result }
        ended.signal()
    }

    func stop() { abort.withLock(\.self)() }

    func result() throws -> ProgramResult {
        ended.wait(until: .now + .seconds(30))
        guard let result = found.withLock(\.self) else { throw TestFailure("the program has not ended") }
        return result
    }
}

/// The processes that have this word among their arguments.
func processes(with word: String) -> [Int32] {
    ProcessTable.ids.filter { id in
        let arguments = (try? Files.read("/proc/\(id)/cmdline")) ?? []
        return arguments.split(separator: 0).contains { String(decoding: $0, as: UTF8.self) == word }
    }
}
