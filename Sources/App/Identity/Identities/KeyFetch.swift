import HTTP
package import HTTPClient
import JSON
package import Tokens

/// The address at which an issuer publishes its keys.
package enum KeyAddress: Sendable {
    /// The address of the key set itself (RFC 7517, section 5).
    case keySet(url: String)
    /// The address of a document that contains the address of the key set (OpenID Connect Discovery 1.0, section 4).
    case discovery(url: String, issuer: String)
}

/// Why an issuer's answer is refused.
package enum KeyFetchError: Error, Equatable {
    case status(Int)
    /// The answer is not JSON.
    case notJSON
    /// The discovery document belongs to another issuer.
    case otherIssuer
    /// The discovery document has no `jwks_uri`, or one that cannot be trusted.
    case untrustworthyAddress
}

/// Fetches the keys of an issuer over HTTP.
package struct KeyFetch: Sendable {
    private let address: KeyAddress
    private let settings: HTTPClientSettings

    /// The time limit for all requests of one fetch together.
    static let deadline = Duration.seconds(5)
    /// Maximum size of one answer, in bytes.
    static let bodyLimit = 256 << 10

    package init(_ address: KeyAddress, allowing allowed: [AddressRange]) {
        self.address = address
        var settings = HTTPClientSettings()
        settings.allowedAddresses = allowed
        settings.bodyLimit = Self.bodyLimit
        // An issuer publishes the final address of its keys: a redirect may come from an attacker.
        settings.redirectLimit = 0
        self.settings = settings
    }

    /// The issuer's keys, possibly none. Throws at the latest at the deadline.
    package func keys() throws -> JSONWebKeySet {
        let end = ContinuousClock.now + Self.deadline
        switch address {
        case .keySet(let url): return try JSONWebKeySet(get(url, until: end))
        case .discovery(let url, let issuer):
            let document = try get(url, until: end)
            guard document["issuer"] == .string(issuer) else { throw KeyFetchError.otherIssuer }
            guard let address = document["jwks_uri"]?.stringValue, settings.canTrust(address) else {
                throw KeyFetchError.untrustworthyAddress
            }
            return try JSONWebKeySet(get(address, until: end))
        }
    }

    private func get(_ url: String, until end: ContinuousClock.Instant) throws -> JSON {
        var settings = settings
        settings.totalTimeout = end - .now
        let response = try HTTPClient(settings).send(
            OutgoingRequest(.get, url, headers: ["Accept": "application/json"]))
        guard response.status == .ok else { throw KeyFetchError.status(response.status.rawValue) }
        guard let json = try? JSON(parsing: response.body) else { throw KeyFetchError.notJSON }
        return json
    }
}
