import Glibc
import JSON
import Synchronization
package import System

/// A program that a step runs.
package struct ProgramRequest: Sendable {
    /// The name of a file of the folder.
    package let program: String
    package let arguments: [String]
    /// The content of its standard input.
    package let input: [UInt8]
    package let environment: [String: String]
    package let timeout: Duration

    package init(
        _ program: String, arguments: [String], input: [UInt8], environment: [String: String], timeout: Duration
    ) {
        self.program = program
        self.arguments = arguments
        self.input = input
        self.environment = environment
        self.timeout = timeout
    }

    /// Whether the text can be the name of a program.
    package static func isName(_ text: String) -> Bool { ProgramFolder.isName(text) }
}

/// Runs the programs of a worker's steps, each by a stage of its own. It has no thread: the thread that watches
/// descriptors learns of the end.
package final class ProgramRunner: Sendable {
    /// Calls a closure once, when a descriptor is readable; the caller closes the descriptor at the earliest then.
    package typealias Watch = @Sendable (Int32, @escaping @Sendable () -> Void) -> Void

    private let policy: ProgramPolicy
    private let executable: String
    private let watch: Watch
    private let observe: @Sendable (ProgramEvent) -> Void
    private let adoptsOrphans: Bool
    /// Held while orphans are ended.
    private let ending = Mutex(())

    /// Removes what killed processes have left behind in folders.
    ///
    /// - Parameters:
    ///   - executable: of the stage. The default is that of this process, even after a deploy has replaced it.
    ///   - adoptsOrphans: whether this process becomes the parent of what a killed stage leaves behind, and ends it. It
    ///     must then have no other children that begin a session.
    ///   - observe: called on any thread.
    /// - Throws: if it cannot become their parent.
    package init(
        _ policy: ProgramPolicy, executable: String = "/proc/self/exe", adoptsOrphans: Bool = false,
        watch: @escaping Watch, observe: @escaping @Sendable (ProgramEvent) -> Void = { _ in }
    ) throws(ProcessError) {
        self.policy = policy
        self.executable = executable
        self.watch = watch
        self.observe = observe
        self.adoptsOrphans = adoptsOrphans
        if adoptsOrphans { try Descendants.adoptOrphans() }
        // They may be large, and the worker is to be ready soon.
        onThread { [self] in removeAbandonedFolders() }
    }

    /// Starts a program and calls `ended` once, on any thread, when it and all of its descendants have ended. Returns
    /// what aborts it.
    ///
    /// - Parameter executionID: of the run, for the observer.
    package func start(
        _ request: ProgramRequest, for executionID: String, _ ended: @escaping @Sendable (ProgramResult) -> Void
    ) -> @Sendable () -> Void {
        let ended: @Sendable (ProgramResult) -> Void = { [observe] result in
            for event in ProgramEvent.events(of: result, request.program, executionID) { observe(event) }
            ended(result)
        }
        do {
            let (report, lifeline) = (try MemoryFile(), try Pipe())
            let order = try MemoryFile(StageOrder(request, policy).json.serialized())
            let input = try MemoryFile(request.input)
            let stage = try ChildProcess.spawn(
                executable, arguments: [Stage.command], environment: [:],
                descriptors: [
                    Stage.Descriptor.order: order.descriptor, Stage.Descriptor.report: report.descriptor, 2: 2,
                    Stage.Descriptor.lifeline: lifeline.reading, Stage.Descriptor.input: input.descriptor,
                ])
            let descriptor: Int32
            do {
                descriptor = try stage.makeDescriptor()
            } catch {
                // It ends by itself when the pipe is closed, and is then not reaped: this process has no descriptors.
                lifeline.closeWriting()
                throw error
            }
            watch(descriptor) { [self] in
                close(descriptor)
                lifeline.closeWriting()
                let result = Self.result(of: stage, report)
                guard case .lost = result.end else { return ended(result) }
                onThread { [self] in
                    endOrphans()
                    ended(result)
                }
            }
            return { lifeline.closeWriting() }
        } catch {
            ended(ProgramResult(end: .notStarted("\(error)")))
            return {}
        }
    }

    /// The result of a stage that has ended.
    private static func result(of stage: ChildProcess, _ report: MemoryFile) -> ProgramResult {
        let cause = stage.reap()
        let limit = ProgramPolicy.Limit.output + (64 << 10)
        if let bytes = try? report.bytes(limit: limit), let result = ProgramResult(report: bytes) { return result }
        let reason = "stage: \(cause.map { "\($0)" } ?? "unknown")"
        return ProgramResult(end: cause == .exited(Stage.Status.unreadableOrder) ? .notStarted(reason) : .lost(reason))
    }

    /// Calls the closure on a thread of its own: processes can take some time to end.
    private func onThread(_ body: @escaping @Sendable () -> Void) {
        do { try NativeThread(body).detach() } catch { body() }
    }

    /// Ends what killed stages have left behind. What cannot be ended now is, after the next stage that is killed.
    private func endOrphans() {
        if adoptsOrphans { ending.withLock { _ in _ = Descendants.endOrphans() } }
        removeAbandonedFolders()
    }

    private func removeAbandonedFolders() {
        WorkingFolder.removeAbandoned(of: [UserAccount.current.id, policy.user?.id ?? UserAccount.current.id])
    }
}
