import Glibc
import JSON
import Postgres
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

    /// The others are answered by its other threads, and by its successor.
    @Test func aResponderWithARequestThatTakesTooLongIsReplaced() throws {
        let stack = try Stack(settings: [
            "REQUEST_TERMINATE_TIMEOUT": "0.5", "PROCESS_CONTROL_TIMEOUT": "0.2", "RESPONDERS": "1",
        ])
        // One password hash only, and all of this before a wait for a lock is ended (2 s).
        let token = try stack.token()
        let victim = try #require(stack.processes.first { $0.arguments.contains("respond") }?.id)
        let held = try HeldRows("LOCK TABLE documents", in: stack.database)
        let headers = [stack.bearer(token), ("Content-Type", "application/json")]
        let call = try stack.client.begin(
            stack.client.message("POST", "/flow-manager", headers: headers, body: JSON.demoFlow.serialized()))
        try held.waitUntilWanted()
        try stack.waitForLog {
            let status = try stack.get("/health").status
            #expect(status == 200)
            return stack.log.contains(" responder-exited ")
        }
        held.release()
        #expect(try stack.client.finish(call).status == 502)
        let lines = stack.log.split(separator: "\n")
        func line(_ event: String) -> Substring? { lines.first { $0.contains(" \(event) ") } }
        let slow = try #require(line("slow-request"))
        #expect(slow.contains("child=\(victim) method=POST route=/flow-manager "))
        #expect(line("responder-recycling")?.contains("reason=request") == true)
        #expect(line("responder-overdue")?.contains("child=\(victim)") == true)
        #expect(try stack.get("/status").text.contains("\nslow requests:         1\n"))
    }

    /// The read deadline limits how long a body may take; the request itself has its whole time.
    @Test(arguments: ["/login", "/nowhere"]) func aSlowBodyIsNoRequestThatTakesTooLong(path: String) throws {
        let stack = try Stack(settings: ["REQUEST_TERMINATE_TIMEOUT": "0.5", "RESPONDERS": "1", "WORKERS": "0"])
        let victim = try #require(stack.processes.first { $0.arguments.contains("respond") }?.id)
        let body = Array(#"{"email":"user3784mail@gmail.com","password":"aFtg&89M"}"#.utf8)
        var params = stack.params("POST", path)
        params += [("CONTENT_LENGTH", "\(body.count)"), ("CONTENT_TYPE", "application/json")]
        let client = try FastCGIClient(path: stack.socket)
        let request = FastCGIClient.request(params, body: body)
        // Longer than three inspections of the supervisor take.
        let rest = request.suffix(24)
        try client.send(Array(request.dropLast(24)))
        for byte in rest {
            try client.send([byte])
            usleep(150_000)
        }
        #expect(try client.answer().status == (path == "/login" ? 200 : 404))
        #expect(stack.processes.contains { $0.id == victim })
        #expect(!stack.log.contains("responder-recycling"), "\(stack.log)")
    }

    @Test func aResponderIsReplacedAfterSoManyRequestsAndNoneFails() throws {
        let stack = try Stack(settings: ["MAX_REQUESTS": "100"])
        var statuses: [Int] = []
        try eventually("both responders were replaced") {
            for _ in 0..<20 { statuses.append(try stack.get("/health").status) }
            return stack.log.split(separator: "\n").count { $0.contains(" responder-exited ") } > 2
        }
        #expect(Set(statuses) == [200])
        #expect(!stack.log.contains(" warning ") && !stack.log.contains(" error "), "\(stack.log)")
        #expect(stack.log.contains("reason=requests"))
    }

    private func children(of stack: Stack) -> Set<Int32> {
        Set(stack.processes.filter { ["respond", "work"].contains($0.arguments.dropFirst().first) }.map(\.id))
    }

    @Test func soManyCrashesReplaceAllProcesses() throws {
        // Swift's runtime would take seconds for a backtrace.
        let stack = try Stack(settings: [
            "EMERGENCY_RESTART_THRESHOLD": "2", "RESPONDERS": "1", "SWIFT_BACKTRACE": "enable=no",
        ])
        let before = children(of: stack)
        for number in 1...2 {
            let victim = try #require(stack.processes.last { $0.arguments.contains("respond") }?.id)
            kill(victim, SIGSEGV)
            try stack.waitForLog {
                stack.log.split(separator: "\n").count { $0.contains(" responder-exited ") } >= number
            }
            try stack.waitForLog {
                stack.log.split(separator: "\n").count { $0.contains(" responder-ready ") } > number
            }
        }
        try stack.waitForLog { stack.log.contains(" reloaded") }
        #expect(stack.log.contains(" error emergency-restart crashes=2"))
        let after = children(of: stack)
        #expect(before.isDisjoint(with: after))
        #expect(try stack.get("/ready").status == 200)
    }
}
