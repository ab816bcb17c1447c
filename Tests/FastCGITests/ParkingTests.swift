import Dispatch
import FastCGI
import Glibc
import HTTP
import Synchronization
import TestSupport
import Testing

@Suite struct ParkingTests {
    private let exchanges = ParkedExchanges()
    /// The reported responses; nil for a client that disconnected.
    private let responses = Recording<Response?>()

    /// A pool that parks every request for a path below /later and answers other requests at once.
    private func pool(threads: Int = 2, settings: FastCGISettings = .gated) throws -> RunningPool {
        try RunningPool(
            threads: threads, settings: settings,
            replying: { [exchanges, responses] request, _ in
                guard request.target.hasPrefix("/later") else {
                    return .response(.text("\(request.method) \(request.target) "))
                }
                var reply = Reply.wait(fallback: .text("fallback")) { exchanges.put($0, for: request.target) }
                reply.onResponse = responses.add
                return reply
            })
    }

    /// The bodies of the responses reported since the last call.
    private func reported() -> [String?] {
        responses.take().map { $0.map { String(decoding: $0.bytes, as: UTF8.self) } }
    }

    private func send(_ target: String, _ client: FastCGIClient, method: String = "GET", keep: Bool = true) throws {
        try client.send(FastCGIClient.request(RunningPool.params(method, target), keep: keep))
    }

    @Test func parkedExchangesOccupyNoThread() throws {
        let running = try pool(threads: 2)
        let clients = try (0..<200).map { number in
            let client = try running.client()
            try send("/later/\(number)", client)
            return client
        }
        let other = try running.client()
        #expect(try other.exchange(RunningPool.params("GET", "/now")).text == "GET /now ")
        let parked = clients.indices.map { exchanges.take("/later/\($0)") }
        #expect(try other.exchange(RunningPool.params("GET", "/now")).text == "GET /now ")

        let order = clients.indices.shuffled()
        DispatchQueue.concurrentPerform(iterations: order.count) { index in
            parked[order[index]]?.send(.text("\(order[index])"))
        }
        for (number, client) in clients.enumerated() { #expect(try client.answer().text == "\(number)") }
        for client in clients {
            #expect(try client.exchange(RunningPool.params("GET", "/next")).text == "GET /next ")
        }
    }

    @Test func onlyTheFirstResponseIsSent() throws {
        let running = try pool()
        let client = try running.client()
        for round in 0..<3 {
            try send("/later/\(round)", client)
            let parked = exchanges.take("/later/\(round)")
            for answer in ["first", "second"] { parked?.send(.text(answer)) }
            #expect(try client.answer().text == "first")
            #expect(parked?.isDisconnected == false)
            #expect(reported() == ["first"])
        }
        #expect(try client.exchange(RunningPool.params("GET", "/next")).text == "GET /next ")
    }

    @Test func responseMayBeSentBeforeTheHandlerReturns() throws {
        let running = try RunningPool(
            threads: 1,
            replying: { _, _ in .wait(fallback: .text("fallback")) { $0.send(.text("soon")) } })
        let client = try running.client()
        for _ in 0..<3 { #expect(try client.exchange(RunningPool.params()).text == "soon") }
    }

    @Test func responseToHeadHasNoBody() throws {
        let running = try pool()
        let client = try running.client()
        try send("/later", client, method: "HEAD")
        exchanges.take("/later")?.send(.text("four"))
        let answer = try client.answer()
        #expect(answer["content-length"] == "4")
        #expect(answer.body.isEmpty)
    }

    @Test func oneOwnerTakesAtMostHalfOfTheSlots() throws {
        let running = try RunningPool(
            threads: 1, settings: .gated.with { $0.parkingLimit = 4 },
            replying: { [exchanges] request, _ in
                .wait(for: request.target, fallback: .text("fallback")) { exchanges.put($0, for: request.target) }
            })
        defer { withExtendedLifetime(running) {} }
        let clients = try (0..<4).map { _ in try running.client() }
        let parked = try clients[0...1].map { client in
            try send("/a", client)
            return exchanges.take("/a")
        }
        try send("/a", clients[2])
        #expect(try clients[2].answer().text == "fallback")
        #expect(running.events.all == [.parked(1), .parked(1), .parkingFull])
        try send("/b", clients[3])
        exchanges.take("/b")?.send(.text("b"))
        #expect(try clients[3].answer().text == "b")
        for exchange in parked { exchange?.send(.text("done")) }
        for client in clients[0...1] { #expect(try client.answer().text == "done") }
        try send("/a", clients[2])
        exchanges.take("/a")?.send(.text("again"))
        #expect(try clients[2].answer().text == "again")
    }

    /// As when the client of the web server disconnects: the slot is freed each time, and a late response is dropped.
    @Test func slotOfADisconnectedPeerIsFreed() throws {
        // The second slot is for a thread that has closed a connection but not yet freed the first slot.
        let running = try pool(threads: 2, settings: .gated.with { $0.parkingLimit = 2 })
        for round in 0..<1_000 {
            let client = try running.client()
            try send("/later/\(round)", client)
            let parked = exchanges.take("/later/\(round)")
            client.finishSending()
            // The connection ends only when the pool closes it.
            #expect(client.isClosed())
            #expect(parked?.isDisconnected == true)
            parked?.send(.text("late"))
        }
        #expect(running.events.all.count { $0 == .answerLost(id: "r1") } == 1_000)
        #expect(reported() == Array(repeating: nil, count: 1_000))
    }

    /// Its place among the calls that must not be repeated is free again.
    @Test func aCallOfADisconnectedPeerHasEnded() throws {
        let ended = Recording<UInt64>()
        let register = CallRegister(begin: { _ in true }, end: { ended.add($0) })
        let running = try pool(threads: 1, settings: .gated.with { $0.register = register })
        let client = try running.client()
        try client.send(FastCGIClient.request(RunningPool.params("POST", "/later", [("CALL_ID", "00000000000000ff")])))
        let parked = exchanges.take("/later")
        client.finishSending()
        #expect(client.isClosed())
        #expect(parked?.isDisconnected == true)
        #expect(ended.all == [255])
    }

    @Test func closedConnectionIsNoticed() throws {
        let running = try pool()
        var client: FastCGIClient? = try running.client()
        try client.map { try send("/later", $0) }
        let parked = exchanges.take("/later")
        client = nil
        #expect(running.events.saw(.answerLost(id: "r1")))
        #expect(parked?.isDisconnected == true)
    }

    /// Whichever happens first, the exchange ends once, and the next connection receives nothing of it.
    @Test func simultaneousDisconnectAndResponseEndTheExchangeOnce() throws {
        let running = try pool()
        for round in 0..<300 {
            let client = try running.client()
            try send("/later/\(round)", client)
            let parked = exchanges.take("/later/\(round)")
            let answered = DispatchSemaphore(value: 0)
            DispatchQueue.global().async {
                parked?.send(.text("answer"))
                answered.signal()
            }
            client.finishSending()
            #expect(client.isClosed())
            answered.wait()
            #expect(try running.client().exchange(RunningPool.params("GET", "/next")).text == "GET /next ")
        }
    }

    @Test func exchangeWithoutAFreeSlotGetsTheFallback() throws {
        let running = try pool(settings: .gated.with { $0.parkingLimit = 2 })
        let clients = try (0..<3).map { _ in try running.client() }
        for number in 0..<2 { try send("/later/\(number)", clients[number]) }
        let parked = (0..<2).map { exchanges.take("/later/\($0)") }
        #expect(try clients[2].exchange(RunningPool.params("GET", "/later/2")).text == "fallback")
        #expect(reported() == ["fallback"])
        parked[0]?.send(.text("answer"))
        try send("/later/3", clients[2])
        exchanges.take("/later/3")?.send(.text("third"))
        #expect(try clients[2].answer().text == "third")
    }

    @Test(arguments: [true, false]) func connectionWithoutKeepAliveIsClosed(isGated: Bool) throws {
        let running = try pool(settings: isGated ? .gated : FastCGISettings())
        let client = try running.client()
        try send("/later", client, keep: !isGated)
        exchanges.take("/later")?.send(.text("answer"))
        #expect(try client.answer().text == "answer")
        #expect(client.isClosed())
    }

    /// Bytes that no web server sends during an exchange: they neither wake a thread nor reach libfcgi, which aborts on
    /// some of them.
    @Test func bytesDuringAParkedExchangeAreNotRead() throws {
        let running = try RunningPool(
            threads: 1,
            replying: { [exchanges] request, _ in
                guard request.target == "/later" else { return .response(.text("\(Self.threadNanoseconds)")) }
                return .wait(fallback: .text("fallback")) { exchanges.put($0, for: request.target) }
            })
        let client = try running.client()
        let other = try running.client()
        try send("/later", client)
        let parked = exchanges.take("/later")
        let before = try #require(Int(try other.exchange(RunningPool.params()).text))
        try client.send(FastCGIClient.record(type: 9, id: 0, [UInt8](repeating: 0, count: 16)))
        #expect(!client.isClosed(within: 300))
        let after = try #require(Int(try other.exchange(RunningPool.params()).text))
        #expect(after - before < 100_000_000)
        parked?.send(.text("answer"))
        #expect(try client.answer().text == "answer")
        #expect(client.isClosed())
        #expect(running.events.saw(.strayPeer))
    }

    private static var threadNanoseconds: Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    /// A reload: every parked exchange is answered, even by a concurrent response, and its connection is handed over.
    @Test func drainAnswersAllParkedExchanges() throws {
        let old = try pool()
        let clients = try (0..<60).map { number in
            let client = try old.client()
            try send("/later/\(number)", client)
            return client
        }
        let parked = clients.indices.map { exchanges.take("/later/\($0)") }
        let successor = try ResponderPool(
            listener: old.listener, threads: 1, settings: .gated, observe: { _ in },
            makeHandler: { { _, _ in .response(.text("new")) } })
        try successor.start()
        let answered = DispatchSemaphore(value: 0)
        DispatchQueue.global().async {
            for exchange in parked.prefix(30) { exchange?.send(.text("answer")) }
            answered.signal()
        }
        old.pool.drain { descriptor in
            successor.adopt(dup(descriptor))
            return true
        }
        answered.wait()
        for exchange in parked { exchange?.send(.text("late")) }
        let reported = reported()
        #expect(reported.count == 60 && reported.allSatisfy { ["answer", "fallback"].contains($0) })
        for (number, client) in clients.enumerated() {
            let text = try client.answer().text
            #expect(text == "fallback" || number < 30 && text == "answer")
            #expect(try client.exchange(RunningPool.params()).text == "new")
        }
        successor.drain { _ in false }
    }

    @Test func drainingPoolParksNothing() throws {
        let begun = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        let running = try RunningPool(
            threads: 1,
            replying: { [exchanges] request, _ in
                if request.target == "/slow" {
                    begun.signal()
                    release.wait()
                }
                return .wait(fallback: .text("fallback")) { exchanges.put($0, for: request.target) }
            })
        let parked = try running.client()
        let slow = try running.client()
        try send("/parked", parked)
        #expect(exchanges.take("/parked") != nil)
        try send("/slow", slow)
        begun.wait()
        let drained = DispatchSemaphore(value: 0)
        let pool = running.pool
        DispatchQueue.global().async {
            pool.drain { _ in false }
            drained.signal()
        }
        #expect(try parked.answer().text == "fallback")
        release.signal()
        #expect(try slow.answer().text == "fallback")
        #expect(drained.wait(timeout: .now() + .seconds(5)) == .success)
        #expect(exchanges.isEmpty)
    }
}

/// The parked exchanges of one test, by the targets of their requests.
private final class ParkedExchanges: Sendable {
    private let parked = Mutex<[String: PendingResponse]>([:])
    private let arrival = DispatchSemaphore(value: 0)

    var isEmpty: Bool { parked.withLock(\.isEmpty) }

    func put(_ response: PendingResponse, for target: String) {
        parked.withLock { $0[target] = response }
        arrival.signal()
    }

    /// Waits for the exchange to be parked; nil after a timeout. Only one thread may wait.
    func take(_ target: String) -> PendingResponse? {
        let deadline = DispatchTime.now() + .seconds(10)
        while true {
            if let response = parked.withLock({ $0.removeValue(forKey: target) }) { return response }
            if arrival.wait(timeout: deadline) == .timedOut { return nil }
        }
    }
}

extension Response {
    static func text(_ text: String) -> Response {
        Response(status: .ok, body: Array(text.utf8))
    }
}
