import HTTP
import HTTPClient
import Synchronization
import System
import class TestSupport.LoopbackListener
import class TestSupport.LoopbackServer
import Testing

/// Many requests on the one thread of a driver.
@Suite(.timeLimit(.minutes(1))) struct HTTPDriverTests {
    /// The results of requests in the order in which they ended.
    private final class Results: Sendable {
        private let all = Mutex<[Result<IncomingResponse, HTTPClientError>]>([])
        private let changed = Result { try WakeUp() }

        func add(_ result: Result<IncomingResponse, HTTPClientError>, isLookingUp: Bool) {
            #expect(!isLookingUp, "the hosts are addresses")
            all.withLock { $0.append(result) }
            try? changed.get().signal()
        }

        var count: Int { all.withLock(\.count) }

        /// Waits for that many results.
        func wait(for count: Int = 1) throws -> [Result<IncomingResponse, HTTPClientError>] {
            let deadline = Monotonic.now + .seconds(20)
            while self.count != count, deadline > .now { try changed.get().wait(until: deadline) }
            let found = all.withLock(\.self)
            try #require(found.count == count)
            return found
        }

        func error() throws -> HTTPClientError? {
            if case .failure(let error) = try wait()[0] { error } else { nil }
        }
    }

    private func driver(_ change: (inout HTTPClientSettings) -> Void = { _ in }) throws -> HTTPDriver {
        var settings = HTTPClientSettings.ofTests
        change(&settings)
        return try HTTPDriver(settings)
    }

    @Test func followsARedirectAndReadsTheFinalResponse() throws {
        let server = try LoopbackServer { $0.target == "/" ? .redirect(to: "/next") : .ok("hello") }
        let (driver, results) = (try driver(), Results())
        driver.send(OutgoingRequest(.get, server.url), results.add)
        let response = try results.wait()[0].get()
        #expect(response.body == Array("hello".utf8))
        #expect(server.requests.map(\.target) == ["/", "/next"])
    }

    /// A hundred silent calls share the thread with another one, which is answered at once.
    @Test func silentHostsDelayNoOtherRequest() throws {
        let (silent, server) = (try LoopbackListener(), try LoopbackServer { _ in .ok("hello") })
        let (driver, unanswered, answered) = (try driver(), Results(), Results())
        for _ in 0..<100 {
            driver.send(OutgoingRequest(.get, "http://127.0.0.1:\(silent.port)/"), unanswered.add)
        }
        let duration = try ContinuousClock().measure {
            driver.send(OutgoingRequest(.get, server.url), answered.add)
            _ = try answered.wait()[0].get()
        }
        #expect(duration < .seconds(1))
        #expect(unanswered.count == 0)
    }

    @Test func aCanceledRequestEndsAtOnceAndClosesItsConnection() throws {
        let asked = try WakeUp()
        let server = try LoopbackServer { _ in
            asked.signal()
            return .trickle("HTTP/1.1 200 OK\r\n\r\n")
        }
        let (driver, results) = (try driver(), Results())
        let ticket = driver.send(OutgoingRequest(.get, server.url), results.add)
        asked.wait(until: .now + .seconds(20))
        driver.cancel(ticket)
        #expect(try results.error() == .canceled)
        driver.cancel(ticket)
        driver.send(OutgoingRequest(.get, server.url), timeout: .milliseconds(100), results.add)
        #expect(try results.wait(for: 2).count == 2)
    }

    @Test func releasingTheDriverCancelsItsRequests() throws {
        let (silent, results) = (try LoopbackListener(), Results())
        do {
            let driver = try driver()
            driver.send(OutgoingRequest(.get, "http://127.0.0.1:\(silent.port)/"), results.add)
        }
        #expect(try results.error() == .canceled)
    }

    @Test func limitsTheTimeOfEachRequest() throws {
        let (silent, server) = (try LoopbackListener(), try LoopbackServer { _ in .trickle("HTTP/1.1 200 OK\r\nX: ") })
        for url in ["http://127.0.0.1:\(silent.port)/", server.url] {
            let (driver, results) = (try driver(), Results())
            driver.send(OutgoingRequest(.get, url), timeout: .milliseconds(200), results.add)
            #expect(try results.error() == .timedOut)
        }
    }

    @Test func limitsTheBodyOfEachResponse() throws {
        let server = try LoopbackServer { _ in .ok(String(repeating: "x", count: 2_000)) }
        let (driver, results) = (try driver(), Results())
        driver.send(OutgoingRequest(.get, server.url), bodyLimit: 1_999, results.add)
        #expect(try results.error() == .tooLarge)
        driver.send(OutgoingRequest(.get, server.url), bodyLimit: 2_000, results.add)
        #expect(try results.wait(for: 2)[1].get().body.count == 2_000)
    }

    /// The connection is never opened, or the request never sent.
    @Test(
        arguments: [
            ("http://127.0.0.1:%/", [:], HTTPClientError.addressRefused),
            ("http://localhost:%/", [:], .addressRefused),
            ("http://user:word@127.0.0.1:%/", [:], .invalidURL),
            ("http://127.0.0.1:%/\r\nX: 1", [:], .invalidURL),
            ("http://127.0.0.1:%/", ["X": "1\r\nY: 2"], .invalidHeader),
            ("http://127.0.0.1:%/", ["Host": "example.org"], .invalidHeader),
        ] as [(String, [String: String], HTTPClientError)])
    func refusesWhatAClientRefuses(url: String, fields: [String: String], error: HTTPClientError) throws {
        let (listener, results) = (try LoopbackListener(), Results())
        let driver = try driver { $0.allowedAddresses = [] }
        var request = OutgoingRequest(.get, url.split(separator: "%").joined(separator: "\(listener.port)"))
        for (name, value) in fields { request.headers.append(name: name, value: value) }
        driver.send(request, results.add)
        #expect(try results.error() == error)
        #expect(!listener.hasVisitor)
    }

    /// The address is checked again for each redirect.
    @Test(arguments: ["http://127.0.0.2:%/", "file:///etc/passwd", "gopher://127.0.0.1:%/_x"])
    func refusesRedirectsToOtherPlaces(target: String) throws {
        let (listener, results) = (try LoopbackListener(), Results())
        let location = target.split(separator: "%").joined(separator: "\(listener.port)")
        let server = try LoopbackServer { _ in .redirect(to: location) }
        let driver = try driver()
        driver.send(OutgoingRequest(.get, server.url), results.add)
        #expect(try results.error() == (target.hasPrefix("http:") ? .addressRefused : .redirectRefused))
        #expect(!listener.hasVisitor)
    }

    @Test func aRefusedConnectionIsUnreachable() throws {
        let port = try LoopbackListener().port
        let (driver, results) = (try driver(), Results())
        driver.send(OutgoingRequest(.get, "http://127.0.0.1:\(port)/"), results.add)
        #expect(try results.error() == .unreachable)
    }

    @Test func redirectsAreLimited() throws {
        let server = try LoopbackServer { _ in .redirect(to: "/again") }
        let (driver, results) = (try driver(), Results())
        driver.send(OutgoingRequest(.get, server.url), results.add)
        #expect(try results.error() == .tooManyRedirects)
        #expect(server.requests.count == 4)
    }

    /// The thread of the driver also notices that another descriptor, such as that of a child process, is readable.
    @Test func watchesDescriptors() throws {
        let (driver, watched, noticed) = (try driver(), try WakeUp(), try WakeUp())
        driver.whenReadable(watched.descriptor) { noticed.signal() }
        #expect(!noticed.clear())
        watched.signal()
        noticed.wait(until: .now + .seconds(20))
        watched.clear()
        driver.whenReadable(watched.descriptor) { noticed.signal() }
        watched.signal()
        noticed.wait(until: .now + .seconds(20))
    }
}
