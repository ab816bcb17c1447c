import System
import TestSupport
import Testing

/// The executable as a web server's CGI program. A server passes the words of a query without `=` as arguments (RFC
/// 3875, section 4.4), so that clients choose them.
@Suite struct CGICommandTests {
    let stack: Stack

    init() throws { stack = try Stack.shared.get() }

    private func answer(
        to arguments: [String], query: String = "", headers: [String: String] = [:]
    ) throws -> String {
        let call = [
            "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "REQUEST_URI": "/health" + query,
            "REMOTE_ADDR": "192.0.2.1",
        ]
        return try stack.command(arguments, settings: call.merging(headers) { $1 }).output
    }

    @Test func itAnswersOneCall() throws {
        let text = try answer(to: [])
        #expect(text.hasPrefix("Status: 200 OK\r\n") && text.hasSuffix("{\"status\":\"ok\"}"))
    }

    /// The header `Allow-Addresses` has the name of a setting, which says whom outgoing requests may reach. An invalid
    /// value would keep the program from serving.
    @Test func headersAreNoSettings() throws {
        let text = try answer(
            to: [], headers: ["HTTP_ALLOW_ADDRESSES": "no address", "HTTP_X_REQUEST_ID": "from-the-client"])
        #expect(text.hasPrefix("Status: 200 OK\r\n") && text.contains("X-Request-Id: from-the-client\r\n"), "\(text)")
    }

    @Test(arguments: [
        ["version"], ["config"], ["user", "add", "a@example.org", "--admin"], ["respond", "--env-file", "/etc/passwd"],
        ["--env-file", "/etc/passwd"], ["stage"],
    ])
    func itDoesNothingElse(arguments: [String]) throws {
        let text = try answer(to: arguments, query: "?" + arguments.joined(separator: "+"))
        #expect(text.hasPrefix("Status: 400 Bad Request\r\n"), "\(text)")
    }
}
