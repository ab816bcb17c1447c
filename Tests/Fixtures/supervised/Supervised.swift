import Glibc
import Process
import Supervision

/// A supervisor and its responder in one program, as `flow-manager` is, with connections in place of a service.
///
/// - `supervised serve EXECUTABLE RESPONDERS READINESS-MS`: supervises `EXECUTABLE respond` on descriptor 0 and
///   writes each event as a line.
/// - `supervised respond`: takes the connections that wait on descriptor 0, writes its process id to each it takes or
///   adopts, keeps them, and hands them over when it leaves.
/// - `supervised path`: waits for the end of its input, then writes the path it could be started again by.
@main
enum Supervised {
    static func main() throws {
        let arguments = CommandLine.arguments
        switch arguments.dropFirst().first {
        case "serve":
            try serve(executable: arguments[2], responders: Int(arguments[3]) ?? 1, readiness: Int(arguments[4]) ?? 0)
        case "respond": try respond()
        case "path":
            var byte: UInt8 = 0
            while unsafe read(0, &byte, 1) > 0 {}
            say(executablePath(argument0: "") ?? "none")
        default: exit(64)
        }
    }

    private static func serve(executable: String, responders: Int, readiness: Int) throws {
        var policy = SupervisorPolicy(responders: responders)
        policy.readiness = .milliseconds(readiness)
        let supervisor = Supervisor(
            listening: dup(0), executable: executable, arguments: ["respond"], environment: [:], policy: policy
        ) { event in
            switch event {
            case .started(let slot, let pid): say("started \(slot) \(pid)")
            case .ready(let slot, let pid): say("ready \(slot) \(pid)")
            case .exited(let slot, let pid, let cause, _): say("exited \(slot) \(pid) \(cause)")
            default: say("\(event)")
            }
        }
        try supervisor.run()
        say("ended")
    }

    private static func respond() throws {
        let channel = unsafe getenv(ResponderControl.variable).map { unsafe String(cString: $0) }
        let control = try ResponderControl(environment: channel.map { [ResponderControl.variable: $0] } ?? [:])
        var kept: [Int32] = []
        func take(_ connection: Int32) {
            say("\(getpid())", to: connection)
            kept.append(connection)
        }
        _ = fcntl(0, F_SETFL, O_NONBLOCK)
        while case let connection = accept(0, nil, nil), connection >= 0 { take(connection) }
        control.reportReady()
        let departure = control.run(adopt: take)
        kept.removeAll { control.handOver($0) && close($0) == 0 }
        say("left \(getpid()) \(departure) keeping \(kept.count)")
    }

    private static func say(_ line: String, to descriptor: Int32 = 1) {
        let bytes = Array("\(line)\n".utf8)
        _ = unsafe write(descriptor, bytes, bytes.count)
    }
}
