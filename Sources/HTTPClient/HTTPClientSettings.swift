/// The limits of a client.
package struct HTTPClientSettings: Sendable {
    /// Addresses that may be reached although they are not on the public internet.
    package var allowedAddresses: [AddressRange] = []
    /// Whether all addresses may be reached: only for URLs of the operator's settings, never for those of users.
    package var permitsAllAddresses = false
    /// Whether the certificate of a server is verified: false only for a diagnosis that the operator asks for.
    package var verifiesCertificates = true
    /// For one connection, including name lookup and TLS handshake.
    package var connectTimeout: Duration = .seconds(5)
    /// From the call to the complete response, including all redirects.
    package var totalTimeout: Duration = .seconds(30)
    /// How long a transfer may be slower than ten bytes a second; whole seconds, at least one.
    package var stallTimeout: Duration = .seconds(15)
    /// The maximum length of a response's body, in bytes.
    package var bodyLimit = 1 << 20
    /// Whether a body that is longer is cut, instead of refused with `tooLarge`.
    package var cutsBody = false
    /// The maximum length of a response's header section in bytes, including trailers and interim responses.
    package var headerLimit = 32 << 10
    /// The maximum number of redirects that are followed.
    package var redirectLimit = 3
    /// False: a redirect is returned like any other response.
    package var followsRedirects = true
    /// The maximum speed at which a body is sent, in bytes per second; nil: no limit.
    package var sendSpeed: Int?
    /// Whether a body is sent in chunks, without its length (RFC 9112, section 7.1).
    package var sendsChunks = false
    /// A PEM file of the certificate authorities that are trusted; nil: the system's.
    package var authorities: String?

    package init() {}
}
