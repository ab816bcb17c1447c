import Glibc
import System

/// The exit status of a command, and its standard output and standard error.
package struct CommandResult: Sendable {
    package let status: Int32
    package let output: String
}

extension Stack {
    /// Runs a command in the environment of this stack.
    ///
    /// - Parameters:
    ///   - settings: override the settings of the stack; an empty one counts as not set.
    ///   - input: standard input of the command.
    package func command(
        _ arguments: [String], settings: [String: String] = [:], input: String = ""
    ) throws -> CommandResult {
        try Stack.command(arguments, environment: environment.merging(settings) { $1 }, input: input)
    }

    /// Runs a command of the program, or of another executable, in exactly this environment.
    package static func command(
        _ arguments: [String], of executable: String = executable, environment: [String: String], input: String = ""
    ) throws -> CommandResult {
        var template = Array("/tmp/command.XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? run("/bin/rm", ["-rf", folder], [:]) }
        let output = try Files.openToAppend(folder + "/output")
        defer { close(output) }
        let writer = try Files.openToAppend(folder + "/input")
        Files.write(Array(input.utf8), to: writer)
        close(writer)
        let reader = unsafe open(folder + "/input", O_RDONLY | O_CLOEXEC)
        defer { close(reader) }
        let child = try ChildProcess.spawn(
            executable, arguments: arguments, environment: environment, descriptors: [0: reader, 1: output, 2: output])
        let cause = child.wait()
        guard case .exited(let status) = cause else { throw TestFailure("\(arguments): \(cause)") }
        return CommandResult(
            status: status, output: String(decoding: try Files.read(folder + "/output"), as: UTF8.self))
    }
}
