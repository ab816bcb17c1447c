import Dispatch
import FastCGI
import Glibc
import HTTP
import Synchronization
import TestSupport
import Testing

@Suite struct PoolTests {
    @Test func keptConnectionServesManyRequests() throws {
        let running = try RunningPool()
        let client = try running.client()
        for number in 1...1_000 {
            let body = Array("\(number)".utf8)
            let answer = try client.exchange(RunningPool.params("POST", "/", length: body.count), body: body)
            #expect(answer.text == "POST / \(number)")
        }
        #expect(running.events.all.isEmpty)
    }

    /// Small pieces go through the library, and large ones past it.
    @Test func aBodyInPiecesArrivesWhole() throws {
        let lengths = [3, 70_000, 0, 65_528, 65_536, 10, 1 << 20, 131_056, 1]
        let pieces = lengths.enumerated().map { [UInt8](repeating: UInt8($0), count: $1) }
        let sent = Recording<Int>()
        let running = try RunningPool { _, _ in
            let rest = Mutex(pieces[...])
            let body = ResponseBody.chunks(length: pieces.joined().count) { rest.withLock { $0.popFirst() } }
            var reply = Reply.response(Response(status: .ok, body: body))
            reply.onSent = { sent.add(1) }
            return reply
        }
        let client = try running.client()
        for number in 1...3 {
            let answer = try client.exchange(RunningPool.params())
            #expect(answer.body == Array(pieces.joined()) && answer["content-length"] == "\(answer.body.count)")
            let head = try client.exchange(RunningPool.params("HEAD"))
            #expect(head.body.isEmpty && head["content-length"] == "\(answer.body.count)")
            #expect(sent.all.count == 2 * number)
        }
    }

    @Test func idleConnectionsDoNotBlockOthers() throws {
        let running = try RunningPool(threads: 2)
        let clients = try (0..<20).map { _ in try running.client() }
        for round in 0..<3 {
            for client in round == 1 ? clients : clients.reversed() {
                #expect(try client.exchange(RunningPool.params()).status == 200)
            }
        }
        for client in clients { try client.send(FastCGIClient.request(RunningPool.params())) }
        for client in clients { #expect(try client.answer().status == 200) }
    }

    @Test func eachThreadHasItsOwnHandler() throws {
        let makers = Mutex<[pthread_t]>([])
        let directory = try TemporaryDirectory()
        let listener = try Listener.bind(path: directory.path + "/responder.sock")
        defer { close(listener.descriptor) }
        let pool = try ResponderPool(listener: listener, threads: 3, settings: .gated, observe: { _ in }) {
            let thread = pthread_self()
            makers.withLock { $0.append(thread) }
            return { _, _ in
                .response(Response(status: pthread_equal(thread, pthread_self()) != 0 ? .ok : .internalError))
            }
        }
        try pool.start()
        for _ in 0..<10 {
            let client = try FastCGIClient(path: directory.path + "/responder.sock")
            #expect(try client.exchange(RunningPool.params()).status == 200)
        }
        pool.drain { _ in false }
        let threads = makers.withLock { $0 }
        #expect(Set(threads).count == 3)
        #expect(!threads.contains(pthread_self()))
    }

    /// Connections that wait at the former socket are served, and those that are kept.
    @Test func aPoolAcceptsFromAnotherSocket() throws {
        let running = try RunningPool()
        let kept = try running.client()
        #expect(try kept.exchange(RunningPool.params()).status == 200)
        unsafe unlink(running.path)
        #expect(throws: FastCGIClient.Failure.self) { try running.client() }
        let socket = try Listener.bind(path: running.path)
        let waiting = try running.client()
        try waiting.send(FastCGIClient.request(RunningPool.params()))
        running.pool.replaceListener(by: socket.descriptor)
        #expect(try waiting.answer().status == 200)
        #expect(try running.client().exchange(RunningPool.params()).status == 200)
        #expect(try kept.exchange(RunningPool.params()).status == 200)
        #expect(fcntl(running.listener.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }

    @Test(arguments: [SIGTERM, SIGUSR1, SIGPIPE, SIGINT, SIGHUP])
    func signalsDoNotReachResponderThreads(signal: Int32) throws {
        let running = try RunningPool { _ in
            var mask = sigset_t()
            unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
            return Response(status: unsafe sigismember(&mask, signal) == 1 ? .ok : .internalError)
        }
        #expect(try running.client().exchange(RunningPool.params()).status == 200)
    }

    /// libfcgi would install handlers for SIGTERM and SIGUSR1.
    @Test(arguments: [SIGTERM, SIGUSR1]) func signalHandlersOfTheProcessAreKept(signal: Int32) throws {
        _ = try RunningPool()
        var action = sigaction()
        unsafe sigaction(signal, nil, &action)
        #expect(unsafe action.__sigaction_handler.sa_handler == nil)
    }

    @Test func idleThreadsEndAtOnce() throws {
        let running = try RunningPool(threads: 4)
        let client = try running.client()
        #expect(try client.exchange(RunningPool.params()).status == 200)
        let drained = DispatchSemaphore(value: 0)
        let pool = running.pool
        DispatchQueue.global().async {
            pool.drain { _ in false }
            drained.signal()
        }
        #expect(drained.wait(timeout: .now() + .seconds(2)) == .success)
        #expect(client.isClosed())
    }

    @Test func drainWaitsForRunningExchanges() throws {
        let begun = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        let running = try RunningPool { received in
            begun.signal()
            release.wait()
            return RunningPool.echo(received)
        }
        let client = try running.client()
        try client.send(FastCGIClient.request(RunningPool.params("GET", "/begun")))
        begun.wait()
        let drained = DispatchSemaphore(value: 0)
        let pool = running.pool
        DispatchQueue.global().async {
            pool.drain { _ in false }
            drained.signal()
        }
        #expect(drained.wait(timeout: .now() + .milliseconds(50)) == .timedOut)
        release.signal()
        #expect(try client.answer().text == "GET /begun ")
        #expect(drained.wait(timeout: .now() + .seconds(5)) == .success)
    }

    /// A reload: connections of the web server stay open, idle or busy, and the successor serves their next requests.
    @Test func keptConnectionsMoveToTheSuccessor() throws {
        let begun = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        let old = try RunningPool { received in
            if (try? received.get())?.target == "/slow" {
                begun.signal()
                release.wait()
            }
            return Response(status: .ok, body: Array("old".utf8))
        }
        let idle = try old.client()
        let busy = try old.client()
        #expect(try idle.exchange(RunningPool.params()).text == "old")
        try busy.send(FastCGIClient.request(RunningPool.params("GET", "/slow")))
        begun.wait()

        let successor = try ResponderPool(
            listener: old.listener, threads: 1, settings: .gated, observe: { _ in },
            makeHandler: { { _, _ in .response(Response(status: .ok, body: Array("new".utf8))) } })
        try successor.start()
        let drained = DispatchSemaphore(value: 0)
        let moved = DispatchSemaphore(value: 0)
        let pool = old.pool
        DispatchQueue.global().async {
            pool.drain { descriptor in
                successor.adopt(dup(descriptor))
                moved.signal()
                return true
            }
            drained.signal()
        }
        // The idle connection does not wait for the busy one.
        moved.wait()
        #expect(try idle.exchange(RunningPool.params()).text == "new")
        release.signal()
        #expect(try busy.answer().text == "old")
        #expect(try busy.exchange(RunningPool.params()).text == "new")
        #expect(drained.wait(timeout: .now() + .seconds(5)) == .success)
        successor.drain { _ in false }
    }
}
