import HTTP
import HTTPClient
import class TestSupport.LoopbackServer
import Testing

@Suite(.timeLimit(.minutes(1))) struct RedirectTests {
    /// RFC 9110, section 15.4.
    @Test(arguments: [
        (301, Method.get, "GET", ""), (302, .get, "GET", ""), (303, .get, "GET", ""), (307, .get, "GET", ""),
        (301, .post, "GET", ""), (302, .post, "GET", ""), (303, .post, "GET", ""), (307, .post, "POST", "body"),
        (308, .post, "POST", "body"), (301, .put, "PUT", "body"), (302, .delete, "DELETE", "body"),
        (303, .put, "GET", ""), (308, .patch, "PATCH", "body"), (303, .head, "HEAD", ""), (302, .head, "HEAD", ""),
    ])
    func redirectsKeepOrChangeMethodAndBody(status: Int, method: Method, nextMethod: String, nextBody: String) throws {
        let server = try LoopbackServer { $0.target == "/b/c?d" ? .ok() : .redirect(status, to: "../b/./c?d#e") }
        let body = method == .get ? [] : Array("body".utf8)
        let response = try client().send(
            OutgoingRequest(method, server.url + "/a/a", headers: ["Content-Type": "a/b", "X": "y"], body: body))
        #expect(response.status == .ok)
        let next = try #require(server.requests.last)
        #expect(next.method == nextMethod)
        #expect(next.body == nextBody)
        #expect(next.fields["x"] == "y")
        let becameGet = method != .get && nextMethod == "GET"
        #expect(next.fields["content-type"] == (becameGet || status == 303 && method == .get ? nil : "a/b"))
        #expect(server.connections <= 2)
    }

    @Test func returnsARedirectThatMustNotBeFollowed() throws {
        let server = try LoopbackServer { _ in .redirect(301, to: "/b") }
        let client = client { $0.followsRedirects = false }
        let response = try client.send(OutgoingRequest(.get, server.url))
        #expect(response.status.rawValue == 301 && response.headers["Location"] == "/b")
        #expect(server.requests.count == 1)
        #expect(client.lastTransfer.serverAddress == "127.0.0.1" && client.lastTransfer.clientAddress == "127.0.0.1")
        #expect(client.lastTransfer.failure == nil)
    }

    @Test func sendsABodyAsSlowlyAsItMust() throws {
        let server = try LoopbackServer { _ in .ok() }
        let start = ContinuousClock.now
        let body = [UInt8](repeating: 97, count: 48 << 10)
        let request = OutgoingRequest(.post, server.url, body: body)
        #expect(try client { $0.sendSpeed = 32 << 10 }.send(request).status == .ok)
        #expect(ContinuousClock.now - start >= .milliseconds(500))
        #expect(server.requests.first?.body.utf8.count == body.count)
    }

    @Test func credentialsAreNotSentToOtherOrigins() throws {
        let other = try LoopbackServer { _ in .ok() }
        let server = try LoopbackServer { [url = other.url] in .redirect(to: $0.target == "/a" ? "/b" : url + "/c") }
        let headers: Headers = ["AUTHORIZATION": "Bearer x", "Cookie": "a=b", "X": "y"]
        _ = try client().send(OutgoingRequest(.get, server.url + "/a", headers: headers))
        for request in server.requests {
            #expect(request.fields["authorization"] == "Bearer x")
            #expect(request.fields["cookie"] == "a=b")
        }
        #expect(server.requests.count == 2)
        let last = try #require(other.requests.first)
        #expect(last.fields["authorization"] == nil)
        #expect(last.fields["cookie"] == nil)
        #expect(last.fields["x"] == "y")
    }

    @Test(arguments: [
        (0, 0, true), (0, 1, false), (3, 3, true), (3, 4, false), (3, .max, false),
    ])
    func limitsTheNumberOfRedirects(limit: Int, redirects: Int, passes: Bool) throws {
        let server = try LoopbackServer {
            let remaining = Int($0.target.dropFirst()) ?? 0
            return remaining == 0 ? .ok() : .redirect(to: "/\(remaining - 1)")
        }
        let client = client { $0.redirectLimit = limit }
        let request = OutgoingRequest(.get, server.url + "/\(redirects)")
        if passes {
            #expect(try client.send(request).status == .ok)
        } else {
            #expect(throws: HTTPClientError.tooManyRedirects) { try client.send(request) }
        }
        #expect(server.requests.count == min(redirects, limit) + 1)
    }

    /// The guard checks the address of every redirect.
    @Test(arguments: ["169.254.169.254", "localhost", "2130706434", "[::1]", "[::ffff:127.0.0.2]"])
    func refusesRedirectsToSpecialAddresses(host: String) throws {
        let server = try LoopbackServer { _ in .redirect(to: "http://\(host)/latest/meta-data/") }
        let client = client {
            $0.allowedAddresses = ["127.0.0.1:\(server.port)"].compactMap(AddressRange.init(parsing:))
        }
        #expect(throws: HTTPClientError.addressRefused) { try client.send(OutgoingRequest(.get, server.url)) }
    }

    @Test(arguments: [
        "file:///etc/passwd", "gopher://127.0.0.1/", "dict://127.0.0.1:11211/", "ftp://127.0.0.1/", "javascript:1",
        "http://user:word@127.0.0.1/", "http://", "http://127.0.0.1:0/",
    ])
    func refusesRedirectsToOtherURLs(location: String) throws {
        let server = try LoopbackServer { _ in .redirect(to: location) }
        #expect(throws: HTTPClientError.redirectRefused) { try client().send(OutgoingRequest(.get, server.url)) }
        #expect(server.requests.count == 1)
    }

    @Test(arguments: [(300, "Location: /b\r\n"), (304, "Location: /b\r\n"), (305, "Location: /b\r\n"), (302, "")])
    func otherResponsesAreFinal(status: Int, fields: String) throws {
        let server = try LoopbackServer { _ in .last("HTTP/1.1 \(status) There\r\n\(fields)\r\n") }
        #expect(try client().send(OutgoingRequest(.get, server.url)).status.rawValue == status)
        #expect(server.requests.count == 1)
    }
}
