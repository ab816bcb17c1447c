/// Sends HTTP requests to URLs that users choose, so it trusts neither the server nor the response.
///
/// Whether it may connect is decided by the address, at the moment of connecting, and again for each redirect
/// (`AddressGuard`); `HTTPClientSettings` limits sizes and times. Nothing comes from the environment: no proxy, no
/// `.netrc`, no cookies. It speaks HTTP/1.1, over TLS 1.2 or later with the server's certificate verified.
///
/// A call blocks its thread. Connections are kept between calls, so a client belongs to one thread. A connection that
/// is used again needs no second check of its address: the same client opened it, under the same settings.
package final class HTTPClient {
    private let settings: HTTPClientSettings
    private let handle: EasyHandle

    package init(_ settings: HTTPClientSettings = HTTPClientSettings()) {
        self.settings = settings
        handle = EasyHandle(AddressGuard(settings))
    }

    /// The last transfer, in libcurl's words, which reveal addresses: for the operator only.
    package var lastTransfer: TransferDetails { handle.details }

    /// Sends the request, follows redirects and returns the final response, whatever its status.
    package func send(_ request: OutgoingRequest) throws(HTTPClientError) -> IncomingResponse {
        try request.checkHeaders()
        guard let url = URLReference(request.url) else { throw .invalidURL }
        var hop = try Hop(url: url, request: request)
        var redirectsLeft = settings.redirectLimit
        let deadline = ContinuousClock.now + settings.totalTimeout
        while true {
            let response = try handle.perform(hop, settings, timeLeft: deadline - .now)
            guard settings.followsRedirects, let next = try hop.redirected(by: response) else { return response }
            guard redirectsLeft > 0 else { throw .tooManyRedirects }
            redirectsLeft -= 1
            hop = next
        }
    }
}
