import Glibc
import System
import Supervision

/// A supervisor and its children in one program, like `flow-manager`. Its responders only keep connections open.
///
/// - `supervised serve EXECUTABLE RESPONDERS WORKERS READINESS-MS`: supervises `EXECUTABLE respond` on descriptor 0 and
///   `EXECUTABLE work`, and writes each event as a line.
/// - `supervised respond`: accepts the pending connections of descriptor 0, writes its process id to each connection it
///   accepts or adopts, keeps them, and hands them over when it exits.
/// - `supervised work`: waits for the request to exit.
/// - `supervised grow`: occupies 256 MiB of memory, then does the same.
/// - `supervised path`: waits for the end of its input, then writes the path of its executable.
@main
enum Supervised {
    static func main() throws {
        let arguments = CommandLine.arguments
        switch arguments.dropFirst().first {
        case "serve":
            var policy = SupervisorPolicy(responders: Int(arguments[3]) ?? 1, workers: Int(arguments[4]) ?? 0)
            policy.readiness = .milliseconds(Int(arguments[5]) ?? 0)
            (policy.largestChild, policy.inspectionInterval) = (128 << 20, .milliseconds(20))
            policy.heartbeatTimeout = .seconds(3)
            try serve(executable: arguments[2], policy)
        case "respond": try respond()
        case "work": try work()
        case "grow":
            let memory = [UInt8](repeating: 1, count: 256 << 20)
            try withExtendedLifetime(memory) { try work() }
        case "path":
            var byte: UInt8 = 0
            while unsafe read(0, &byte, 1) > 0 {}
            printLine(executablePath(argument0: "") ?? "none")
        default: exit(64)
        }
    }

    private static func serve(executable: String, _ policy: SupervisorPolicy) throws {
        let supervisor = Supervisor(
            listening: dup(0), executable: executable, arguments: { [$0 == .responder ? "respond" : "work"] },
            environment: [:], policy: policy, reopenLog: { printLine("reopened by the supervisor") }
        ) { event in
            switch event {
            case .started(_, let slot, let pid): printLine("started \(slot) \(pid)")
            case .ready(_, let slot, let pid): printLine("ready \(slot) \(pid)")
            case .output(_, let slot, let pid, let line): printLine("output \(slot) \(pid) \(line)")
            case .exited(_, let slot, let pid, let cause, _): printLine("exited \(slot) \(pid) \(cause)")
            default: printLine("\(event)")
            }
        }
        try supervisor.run(reading: try Supervisor.signals())
        printLine("ended")
    }

    private static func control() throws -> ChildControl {
        let channel = unsafe getenv(ChildControl.variable).map { unsafe String(cString: $0) }
        let control = try ChildControl(environment: channel.map { [ChildControl.variable: $0] } ?? [:])
        control.reopenLog = { printLine("reopened by \(getpid())") }
        control.heartbeatInterval = .milliseconds(50)
        return control
    }

    private static func work() throws {
        let control = try control()
        control.reportReady()
        printLine("left \(getpid()) \(control.run { close($0) })")
    }

    private static func respond() throws {
        let control = try control()
        var kept: [Int32] = []
        func take(_ connection: Int32) {
            printLine("\(getpid())", to: connection)
            kept.append(connection)
        }
        _ = fcntl(0, F_SETFL, O_NONBLOCK)
        while case let connection = accept(0, nil, nil), connection >= 0 { take(connection) }
        control.reportReady()
        let departure = control.run(adopt: take)
        kept.removeAll { control.handOver($0) && close($0) == 0 }
        printLine("left \(getpid()) \(departure) keeping \(kept.count)")
    }

    private static func printLine(_ line: String, to descriptor: Int32 = 1) {
        let bytes = Array("\(line)\n".utf8)
        _ = unsafe write(descriptor, bytes, bytes.count)
    }
}
