import CConfinement
import Glibc

/// A program that is started with as little as possible: no privileges, no descriptors but three, limited resources,
/// no sockets but those of the network, and the files that `landlock` permits.
package struct ConfinedProgram {
    package enum Resource: Int, Sendable {
        case processorSeconds = 0
        case fileSize = 1
        case coreSize = 4
        case processes = 6
        case openFiles = 7
        case addressSpace = 9
        case messageQueueBytes = 12
    }

    private let path: String
    private let arguments: [String]
    private let environment: [String: String]
    package var landlock: Landlock?
    /// Nil: the user of this process.
    package var user: UserAccount?
    /// The calling process's own limits apply, too.
    package var limits: [Resource: Int] = [:]
    package var hasNetwork = false

    /// - Parameter arguments: without the name of the program, which is `path`.
    package init(_ path: String, arguments: [String], environment: [String: String]) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
    }

    /// Starts the program in a session of its own, and returns when it runs. It is killed when this process ends.
    ///
    /// This process must have only one thread: a child that is not yet the program executes a part of it.
    ///
    /// - Parameters:
    ///   - folder: its working directory.
    ///   - input, output, errors: its descriptors 0, 1 and 2, each above 2.
    package func start(
        in folder: String, input: Int32, output: Int32, errors: Int32
    ) throws(ProcessError) -> ChildProcess {
        var failure = fm_start_failure()
        let process = unsafe withCStrings([path] + arguments) { arguments in
            unsafe withCStrings(environment.map { "\($0)=\($1)" }.sorted()) { environment in
                unsafe path.withCString { path in
                    unsafe folder.withCString { folder in
                        var program = unsafe fm_program()
                        unsafe program.path = path
                        unsafe program.folder = folder
                        unsafe program.arguments = UnsafePointer(arguments)
                        unsafe program.environment = UnsafePointer(environment)
                        unsafe (program.input, program.output, program.errors) = (input, output, errors)
                        unsafe program.ruleset = landlock?.descriptor ?? -1
                        unsafe program.user = user.map { Int64($0.id) } ?? -1
                        unsafe program.group = user.map { Int64($0.group) } ?? -1
                        unsafe program.has_network = hasNetwork ? 1 : 0
                        unsafe withUnsafeMutableBytes(of: &program.limits) { bytes in
                            let numbers = unsafe bytes.bindMemory(to: Int64.self)
                            for index in numbers.indices {
                                unsafe numbers[index] =
                                    Resource(rawValue: index).flatMap { limits[$0] }
                                    .map { Int64($0) } ?? -1
                            }
                        }
                        return unsafe fm_start_program(&program, &failure)
                    }
                }
            }
        }
        guard process > 0 else { throw ProcessError(Self.call(failure.step), code: failure.code) }
        return ChildProcess(id: process)
    }

    /// Whether a program can be confined to the files that Landlock permits.
    package static var isLandlockAvailable: Bool { Landlock.version != nil }

    /// Whether the kernel can refuse system calls.
    package static var isFilterAvailable: Bool { fm_can_filter_system_calls() != 0 }

    private static func call(_ step: Int32) -> StaticString {
        switch Int(step) {
        case FM_START_DESCRIPTORS: "close_range"
        case FM_START_LIMITS: "setrlimit"
        case FM_START_FOLDER: "chdir"
        case FM_START_USER: "setresuid"
        case FM_START_PRIVILEGES: "capset"
        case FM_START_PARENT: "prctl"
        case FM_START_LANDLOCK: "landlock_restrict_self"
        case FM_START_FILTER: "seccomp"
        case FM_START_PROGRAM: "execve"
        default: "fork"
        }
    }
}
