/// Why there is no response. The cases carry nothing, so that no answer can tell what stands in the network behind.
package enum HTTPClientError: Error, Equatable, Sendable {
    /// Not an absolute http or https URL with a host, or one with a user or password in it.
    case invalidURL
    /// A field that would break the message or belongs to the client: see `OutgoingRequest.headers`.
    case invalidHeader
    /// The host has only addresses that must not be reached: see `AddressRange`. Nothing was sent there.
    case addressRefused
    /// The name has no address, or nobody accepted a connection. Nothing was sent there.
    case unreachable
    /// No secure connection came about: a certificate in doubt, or no common protocol from TLS 1.2 on.
    case tls
    /// There are more redirects than the settings allow.
    case tooManyRedirects
    /// A redirect leads to what is not an http or https URL, or away from https.
    case redirectRefused
    /// The body or the header fields of a response are longer than the settings allow.
    case tooLarge
    /// The deadline passed, or nothing came for too long. The server may have acted on the request.
    case timedOut
    /// The connection ended within the exchange, or what came is not HTTP. The server may have acted on the request.
    case interrupted
}
