/// One HTTP request, whole, as a value: whoever received it has copied everything out of the wire's buffers.
package struct Request: Sendable {
    /// The method as sent; `Method(rawValue:)` knows the ones that routes use.
    package var method: String
    /// The request target as the client sent it: path and, after `?`, the query; still percent-encoded.
    package var target: String
    /// As sent; for CGI-derived requests the names are the header's with `-`, in lower case.
    package var headers: Headers
    package var body: [UInt8]
    /// Address of the client as the web server saw it; never taken from a header.
    package var remoteAddress: String
    /// Correlates the answer, the web server's log and ours.
    package var id: String
    /// Whether the client spoke TLS to the web server.
    package var isSecure: Bool

    package init(
        method: String, target: String, headers: Headers = [:], body: [UInt8] = [], remoteAddress: String = "",
        id: String = "", isSecure: Bool = false
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
        self.id = id
        self.isSecure = isSecure
    }
}
