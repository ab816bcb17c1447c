/// One HTTP request, whole: whoever received it has copied everything out of the wire's buffers. A class, because every
/// stage passes it on and none changes it.
package final class Request: Sendable {
    /// The method as sent; `Method(rawValue:)` knows the ones that routes use.
    package let method: String
    /// The request target as the client sent it: path and, after `?`, the query; still percent-encoded.
    package let target: String
    /// As sent; for CGI-derived requests the names are the header's with `-`, in lower case.
    package let headers: Headers
    package let body: [UInt8]
    /// Address of the client as the web server saw it; never taken from a header.
    package let remoteAddress: String
    /// Correlates the answer, the web server's log and ours.
    package let id: String
    /// Whether the client spoke TLS to the web server.
    package let isSecure: Bool

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
