import HTTP
import HTTPClient
import class TestSupport.LoopbackServer
import class TestSupport.LoopbackListener
import Testing

@Suite(.timeLimit(.minutes(1))) struct LimitTests {
    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: %\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ])
    func limitsTheBody(head: String) throws {
        let server = try LoopbackServer {
            let count = Int($0.target.dropFirst()) ?? 0
            let parts = head.split(separator: "%", omittingEmptySubsequences: false)
            return .last(parts.joined(separator: "\(count)") + String(repeating: "x", count: count))
        }
        let client = client { $0.bodyLimit = 100_000 }
        #expect(try client.send(OutgoingRequest(.get, server.url + "/100000")).body.count == 100_000)
        #expect(throws: HTTPClientError.tooLarge) { try client.send(OutgoingRequest(.get, server.url + "/100001")) }
        #expect(throws: HTTPClientError.tooLarge) { try client.send(OutgoingRequest(.get, server.url + "/9000000")) }
        #expect(try client.send(OutgoingRequest(.get, server.url + "/0")).body == [])
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n%\r\n",
        "HTTP/1.1 103 Early\r\n%\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n%\r\n",
    ])
    func limitsTheHeaders(response: String) throws {
        let server = try LoopbackServer {
            let lines = String(repeating: "X: 7890\r\n", count: Int($0.target.dropFirst()) ?? 0)
            return .last(response.split(separator: "%").joined(separator: lines))
        }
        let client = client { $0.headerLimit = 2000 }
        #expect(try client.send(OutgoingRequest(.get, server.url + "/200")).status == .ok)
        #expect(throws: HTTPClientError.tooLarge) { try client.send(OutgoingRequest(.get, server.url + "/250")) }
    }

    /// Bytes that arrive slowly do not extend the deadline, at any position of the response.
    @Test(arguments: [
        "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\n\r\n",
    ])
    func slowResponsesTimeOut(start: String) throws {
        let server = try LoopbackServer { _ in .trickle(start) }
        let client = client { $0.totalTimeout = .milliseconds(300) }
        let duration = ContinuousClock().measure {
            #expect(throws: HTTPClientError.timedOut) { try client.send(OutgoingRequest(.get, server.url)) }
        }
        #expect(duration >= .milliseconds(290))
        #expect(duration < .seconds(3))
    }

    /// One deadline for all redirects together.
    @Test func theDeadlineIncludesRedirects() throws {
        let server = try LoopbackServer {
            $0.target == "/" ? .redirect(to: "/slow") : .trickle("HTTP/1.1 200 OK\r\nX: ")
        }
        let client = client { $0.totalTimeout = .milliseconds(300) }
        #expect(throws: HTTPClientError.timedOut) { try client.send(OutgoingRequest(.get, server.url)) }
        #expect(server.requests.map(\.target) == ["/", "/slow"])
    }

    @Test func stalledResponsesTimeOut() throws {
        let listener = try LoopbackListener()
        let client = client { $0.stallTimeout = .seconds(1) }
        let duration = ContinuousClock().measure {
            #expect(throws: HTTPClientError.timedOut) {
                try client.send(OutgoingRequest(.get, "http://127.0.0.1:\(listener.port)/"))
            }
        }
        #expect(duration < .seconds(10))
    }

    /// A listener that does not answer the TLS handshake.
    @Test func connectingTimesOut() throws {
        let listener = try LoopbackListener()
        let client = client { $0.connectTimeout = .milliseconds(200) }
        #expect(throws: HTTPClientError.timedOut) {
            try client.send(OutgoingRequest(.get, "https://127.0.0.1:\(listener.port)/"))
        }
    }

    @Test func aTotalTimeoutOfZeroSendsNothing() throws {
        let listener = try LoopbackListener()
        let client = client { $0.totalTimeout = .zero }
        #expect(throws: HTTPClientError.timedOut) {
            try client.send(OutgoingRequest(.get, "http://127.0.0.1:\(listener.port)/"))
        }
        #expect(!listener.hasVisitor)
    }

    @Test func acceptsVeryLongTimeouts() throws {
        let server = try LoopbackServer { _ in .ok() }
        let client = client {
            $0.connectTimeout = .seconds(Int64.max)
            $0.totalTimeout = .seconds(1 << 40)
            $0.stallTimeout = .seconds(Int64.max)
        }
        #expect(try client.send(OutgoingRequest(.get, server.url)).status == .ok)
    }
}
