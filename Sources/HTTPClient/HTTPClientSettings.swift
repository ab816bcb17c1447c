/// The bounds within which a client works.
package struct HTTPClientSettings: Sendable {
    /// What may be reached although it is not on the public internet.
    package var allowedAddresses: [AddressRange] = []
    /// For one connection, name look-up and TLS handshake included.
    package var connectTimeout: Duration = .seconds(5)
    /// From the call to the whole response, all redirects included.
    package var totalTimeout: Duration = .seconds(30)
    /// How long fewer than ten bytes a second may pass; whole seconds, at least one.
    package var stallTimeout: Duration = .seconds(15)
    /// Bytes of a response's body.
    package var bodyLimit = 1 << 20
    /// Bytes of a response's header section, the trailers and interim responses included.
    package var headerLimit = 32 << 10
    /// Redirects that are followed.
    package var redirectLimit = 3
    /// A PEM file of the authorities that vouch for servers; nil for the system's.
    package var authorities: String?

    package init() {}
}
