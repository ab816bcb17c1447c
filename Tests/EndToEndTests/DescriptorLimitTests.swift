import Glibc
import TestSupport
import Testing

/// A responder without free descriptors logs it once, serves its open connections, and accepts again when it can.
@Suite struct DescriptorLimitTests {
    @Test func exhaustedDescriptorsPauseAccepting() throws {
        let stack = try Stack(settings: ["RESPONDERS": "1", "THREADS": "2"])
        let started = try #require(stack.log.split(separator: "\n").last { $0.contains("responder-started") })
        let responder = try #require(started.split(separator: "child=").last.flatMap { pid_t($0) })
        let health = stack.params("GET", "/health")
        let connected = try FastCGIClient(path: stack.socket)
        #expect(try connected.exchange(health).status == 200)

        try limit(responder, to: 8)
        let waiting = try FastCGIClient(path: stack.socket)
        try waiting.send(FastCGIClient.request(health))
        try stack.waitForLog { stack.log.contains("accept-paused") }
        #expect(try connected.exchange(health).status == 200)

        try limit(responder, to: 1_024)
        #expect(try waiting.answer().status == 200)
        #expect(stack.log.split(separator: "accept-paused").count < 100)
    }

    /// Limits the descriptors of the responder. More of them may be in use already.
    private func limit(_ responder: pid_t, to descriptors: Int) throws {
        try run("/usr/bin/prlimit", ["--pid", "\(responder)", "--nofile=\(descriptors):1024"], [:])
    }
}
