import HTTP
import Testing

@Suite struct HTTPDateTests {
    /// The example of RFC 9110, section 5.6.7, and others.
    @Test(
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199), ("Sun, 06 Dec 2026 08:00:00 GMT", 1_796_544_000),
            ("", nil), ("Sun, 06 Nov 1994 08:49:37", nil), ("Sun, 06 Nov 1994 08:49:37 UTC", nil),
            ("Sun, 6 Nov 1994 08:49:37 GMT", nil), ("Sun, 06 Foo 1994 08:49:37 GMT", nil),
            ("Sun, 31 Feb 2024 08:49:37 GMT", nil), ("Sunday, 06-Nov-94 08:49:37 GMT", nil),
        ] as [(String, Int64?)])
    func readsTheFormThatServersSend(text: String, seconds: Int64?) {
        #expect(HTTPDate.seconds(text) == seconds)
    }

    @Test(arguments: [
        ("nginx", WebServer.nginx), ("nginx/1.22.1", .nginx), ("Apache/2.4.57 (Debian)", .apache),
        ("lighttpd/1.4.69", .lighttpd), ("Caddy", .caddy), ("Caddy/v2.6.2", .caddy), ("cloudflare", nil), ("", nil),
    ])
    func recognizesWebServers(software: String, server: WebServer?) {
        #expect(WebServer(software: software) == server)
    }
}
