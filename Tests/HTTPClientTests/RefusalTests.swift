import Glibc
import HTTP
import HTTPClient
import class TestSupport.LoopbackServer
import class TestSupport.LoopbackListener
import Testing

/// Addresses that must be refused, each with a listener on the loopback address that would notice an attempt.
@Suite(.timeLimit(.minutes(1))) struct RefusalTests {
    @Test(arguments: [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7F.0.0.0x1", "0177.0.0.1",
        "017700000001",
        "127%2e0.0.1", "0", "0.0.0.0", "localhost", "LOCALHOST", "[::1]", "[::]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "[fe80::1%25lo]",
        "[fe80::1]", "[fd00:ec2::254]", "[ff02::1]", "169.254.169.254", "10.0.0.1", "255.255.255.255", "224.0.0.1",
    ])
    func refusesSpecialAddresses(host: String) throws {
        let listener = try LoopbackListener()
        #expect(throws: HTTPClientError.addressRefused) {
            try HTTPClient().send(OutgoingRequest(.get, "http://\(host):\(listener.port)/"))
        }
        #expect(!listener.hasVisitor)
    }

    @Test(arguments: [
        "", "/", "127.0.0.1", "//127.0.0.1", "http:", "http://", "http://a b/", "http://:80/",
        "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1:-1/", "http://127.0.0.1:x/", "http://[::1/",
        "http://[::g]/", "http://user@127.0.0.1/", "http://user:word@127.0.0.1/", "http://:word@127.0.0.1/",
        "http://@127.0.0.1/", "http://127.0.0.1\0.example/", "http://127.0.0.1/\r\nX: y", "http://127.0.0.1/\u{7f}",
        "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/_x",
        "dict://127.0.0.1/", "ldap://127.0.0.1/", "ws://127.0.0.1/", "data:,x", "javascript:1", "unix:/tmp/x",
    ])
    func refusesInvalidURLs(text: String) throws {
        #expect(throws: HTTPClientError.invalidURL) { try client().send(OutgoingRequest(.get, text)) }
    }

    @Test func allowsOnlyTheAllowedPort() throws {
        let (allowed, refused) = (try LoopbackServer { _ in .ok() }, try LoopbackListener())
        let client = client {
            $0.allowedAddresses = ["127.0.0.1:\(allowed.port)"].compactMap(AddressRange.init(parsing:))
        }
        #expect(try client.send(OutgoingRequest(.get, allowed.url)).status == .ok)
        #expect(throws: HTTPClientError.addressRefused) {
            try client.send(OutgoingRequest(.get, "http://127.0.0.1:\(refused.port)/"))
        }
        #expect(!refused.hasVisitor)
    }
}
