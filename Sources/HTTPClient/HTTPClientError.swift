/// Why there is no response. The cases contain no details, so that a caller's answer cannot reveal the internal
/// network.
package enum HTTPClientError: Error, Equatable, Sendable {
    /// Not an absolute http or https URL with a host, or one that contains a user or password.
    case invalidURL
    /// A field that would break the message or is reserved for the client: see `OutgoingRequest.headers`.
    case invalidHeader
    /// The host has only addresses that must not be reached: see `AddressRange`. Nothing was sent there.
    case addressRefused
    /// The name has no address, or no host accepted a connection. Nothing was sent there.
    case unreachable
    /// No secure connection was established: the certificate is not trusted, or no protocol from TLS 1.2 on is shared.
    case tls
    /// The request has a secret that must not be sent to this URL: see `RequestCredential`. Nothing was sent there.
    case hostRefused
    /// There are more redirects than the settings allow.
    case tooManyRedirects
    /// A redirect leads to something other than an http or https URL, or away from https.
    case redirectRefused
    /// The body or the header fields of a response are longer than the settings allow.
    case tooLarge
    /// The deadline passed, or the transfer stalled. The server may have acted on the request.
    case timedOut
    /// The caller canceled the request. The server may have acted on it.
    case canceled
    /// The connection ended during the exchange, or the response is not HTTP. The server may have acted on the request.
    case interrupted
}
