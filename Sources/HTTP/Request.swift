/// One HTTP request without its body: nothing in it refers to a connection's buffers. A class, because every stage
/// passes it on and none changes it.
package final class Request: Sendable {
    /// The method as sent; `Method(rawValue:)` recognises those that routes use.
    package let method: String
    /// The request target as the client sent it: path and, after `?`, the query; still percent-encoded.
    package let target: String
    /// As sent; in a request from CGI variables the names are in lower case, with `-` instead of `_`.
    package let headers: Headers
    /// Address of the client as the web server saw it; never taken from a header.
    package let remoteAddress: String
    /// Correlates the response, the web server's log and this program's.
    package let id: String
    /// When the web server began to wait for this program, in milliseconds since 1970; nil if it does not say.
    package let queuedAt: Int64?
    /// Whether the client spoke TLS to the web server.
    package let isSecure: Bool
    /// The web server that passed the request on; nil if it does not say, or is another one.
    package let webServer: WebServer?
    /// Whether the web server sent the secret that proves that it is one; false if there is none.
    package let hasPassedGate: Bool
    /// Whether something was left out because it is invalid; such a request must be refused with 400.
    package let isMalformed: Bool

    package init(
        method: String, target: String, headers: Headers = [:], remoteAddress: String = "", id: String = "",
        queuedAt: Int64? = nil, isSecure: Bool = false, webServer: WebServer? = nil,
        hasPassedGate: Bool = false, isMalformed: Bool = false
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.remoteAddress = remoteAddress
        self.id = id
        self.queuedAt = queuedAt
        self.isSecure = isSecure
        self.webServer = webServer
        self.hasPassedGate = hasPassedGate
        self.isMalformed = isMalformed
    }
}
