import Glibc
import TestSupport
import Testing

/// A responder that runs out of descriptors says so once, serves whom it has, and accepts again when it can.
@Suite struct DescriptorLimitTests {
    @Test func exhaustedDescriptorsPauseAccepting() throws {
        let stack = try Stack(settings: ["RESPONDERS": "1", "THREADS": "2"])
        let started = try #require(stack.log.split(separator: "\n").last { $0.contains("responder-started") })
        let responder = try #require(started.split(separator: "pid=").last.flatMap { pid_t($0) })
        let health = stack.params("GET", "/health")
        let kept = try FastCGIClient(path: stack.socket)
        #expect(try kept.exchange(health).status == 200)

        try limit(responder, to: 8)
        let refused = try FastCGIClient(path: stack.socket)
        try refused.send(FastCGIClient.request(health))
        try stack.waitForLog { stack.log.contains("accept-paused") }
        #expect(try kept.exchange(health).status == 200)

        try limit(responder, to: 1_024)
        #expect(try refused.answer().status == 200)
        #expect(stack.log.split(separator: "accept-paused").count < 100)
    }

    /// More descriptors than so many are in use already.
    private func limit(_ responder: pid_t, to descriptors: Int) throws {
        try run("/usr/bin/prlimit", ["--pid", "\(responder)", "--nofile=\(descriptors):1024"], [:])
    }
}
