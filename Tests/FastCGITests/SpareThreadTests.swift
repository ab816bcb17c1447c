import Dispatch
import FastCGI
import Glibc
import HTTP
import Synchronization
import TestSupport
import Testing

/// What happens to calls while every thread of a pool is blocked.
@Suite struct SpareThreadTests {
    /// Two threads, which calls of one path block until `release`.
    private final class BlockedPool {
        let release = DispatchSemaphore(value: 0)
        let begun = DispatchSemaphore(value: 0)
        let events = EventRecorder()
        private let directory: TemporaryDirectory
        private let listener: Listener
        private let pool: ResponderPool

        init(queueTimeout: Duration?) throws {
            directory = try TemporaryDirectory()
            listener = try Listener.bind(path: directory.path + "/responder.sock")
            let settings = FastCGISettings.gated.with { $0.queueTimeout = queueTimeout }
            pool = try ResponderPool(
                listener: listener, threads: 2, settings: settings, observe: events.record,
                makeHandler: { [release, begun] in
                    { request, _ in
                        if request.target == "/block" {
                            begun.signal()
                            release.wait()
                        }
                        return .response(Response(status: .ok))
                    }
                },
                makeSpareHandler: { { _, _ in .response(Response(status: .unavailable)) } })
            try pool.start()
        }

        deinit {
            pool.drain { _ in false }
            close(listener.descriptor)
        }

        /// A client with a call that blocks a thread.
        func block() throws -> FastCGIClient {
            let client = try client()
            try client.send(FastCGIClient.request(RunningPool.params("GET", "/block")))
            begun.wait()
            return client
        }

        func client() throws -> FastCGIClient { try FastCGIClient(path: directory.path + "/responder.sock") }
    }

    @Test func callsAreRefusedWhileAllThreadsAreBlocked() throws {
        let running = try BlockedPool(queueTimeout: .milliseconds(200))
        let kept = try running.client()
        #expect(try kept.exchange(RunningPool.params()).status == 200)
        let blocked = [try running.block(), try running.block()]
        for client in [try running.client(), kept, kept] {
            #expect(try client.exchange(RunningPool.params()).status == 503)
        }
        #expect(running.events.saw(.threadsBlocked(true)))
        for _ in blocked { running.release.signal() }
        for client in blocked { #expect(try client.answer().status == 200) }
        #expect(running.events.saw(.threadsBlocked(false)))
        for client in [kept, try running.client()] {
            #expect(try client.exchange(RunningPool.params()).status == 200)
        }
    }

    /// Otherwise a few clients that send slowly would occupy this thread, too.
    @Test func theSpareThreadWaitsForNoBody() throws {
        let running = try BlockedPool(queueTimeout: .milliseconds(200))
        let blocked = [try running.block(), try running.block()]
        let body = [UInt8](repeating: 0x61, count: 1_000)
        let begun = FastCGIClient.request(RunningPool.params("POST", length: body.count), body: body).dropLast(500)
        let slow = try (0..<20).map { _ in try running.client() }
        for client in slow { try client.send(Array(begun)) }
        #expect(try running.client().exchange(RunningPool.params()).status == 503)
        for client in slow { #expect(try client.answer().status == 503) }
        // Nor for one that never pauses for long.
        let trickling = try running.client()
        try trickling.send(Array(begun))
        #expect(throws: FastCGIClient.Failure.self) {
            for byte in FastCGIClient.record(type: 5, [UInt8](repeating: 0x61, count: 60_000)) {
                try trickling.send([byte])
                poll(nil, 0, 10)
            }
        }
        for _ in blocked { running.release.signal() }
        for client in blocked { #expect(try client.answer().status == 200) }
    }

    @Test func oneFreeThreadIsEnough() throws {
        let running = try BlockedPool(queueTimeout: .milliseconds(100))
        let blocked = try running.block()
        // Longer than the limit, and than some ticks of the pool's timer.
        poll(nil, 0, 500)
        #expect(try running.client().exchange(RunningPool.params()).status == 200)
        #expect(running.events.all.isEmpty)
        running.release.signal()
        #expect(try blocked.answer().status == 200)
    }

    @Test func withoutALimitCallsWait() throws {
        let running = try BlockedPool(queueTimeout: nil)
        let blocked = [try running.block(), try running.block()]
        let waiting = try running.client()
        try waiting.send(FastCGIClient.request(RunningPool.params()))
        poll(nil, 0, 500)
        for _ in blocked { running.release.signal() }
        #expect(try waiting.answer().status == 200)
    }
}
