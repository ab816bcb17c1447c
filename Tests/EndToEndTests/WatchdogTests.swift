import Glibc
import TestSupport
import Testing

/// Processes that hang are ended, and replaced by others.
@Suite struct WatchdogTests {
    @Test func stoppedProcessesAreKilledAndReplaced() throws {
        let stack = try Stack(settings: ["HEARTBEAT_TIMEOUT": "2", "RESPONDERS": "1", "THREADS": "2"])
        for (role, command) in [("responder", "respond"), ("worker", "work")] {
            let victim = try #require(stack.processes.first { $0.arguments.contains(command) }?.id)
            kill(victim, SIGSTOP)
            try stack.waitForLog {
                let events = stack.log.split(separator: "\n").drop { !$0.contains(" \(role)-hung ") }
                return events.contains { $0.contains(" \(role)-exited ") && $0.contains("child=\(victim) ") }
                    && events.contains { $0.contains(" all-ready") }
            }
        }
        #expect(try stack.get("/ready").status == 200)
    }
}
