import System

/// Another issuer of tokens that are accepted, and the claims that show that a token was meant for this service.
///
/// Without them, a token that the issuer made for any other service would be accepted here (RFC 8725, section 3.9).
package struct TrustedIssuer: Sendable {
    /// The claim that each of its tokens must have; the other one is checked if it is present.
    package enum Proof: Sendable {
        /// `aud`: the service that it was made for (RFC 7519, section 4.1.3).
        case audience
        /// `azp`: the client that it was issued to (OpenID Connect Core 1.0, section 2).
        case authorizedParty
    }

    /// Its `iss`, compared exactly.
    package let name: String
    private let proof: Proof
    private let audiences: Set<TextKey>
    private let authorizedParties: Set<TextKey>

    /// - Parameters:
    ///   - audiences: a token must name at least one of these, if it names any.
    ///   - authorizedParties: a token must name one of these, if it names any. Empty: every party is accepted, unless
    ///     `proof` requires one.
    package init(_ name: String, proof: Proof, audiences: Set<String>, authorizedParties: Set<String>) {
        self.name = name
        self.proof = proof
        self.audiences = Set(audiences.map(TextKey.init))
        self.authorizedParties = Set(authorizedParties.map(TextKey.init))
    }

    /// Whether a token for those audiences and that party was meant for this service.
    func accepts(audiences named: [String]?, authorizedParty party: String?) -> Bool {
        if let named {
            guard !audiences.isDisjoint(with: named.map(TextKey.init)) else { return false }
        } else if proof == .audience {
            return false
        }
        guard let party else { return proof == .audience }
        return authorizedParties.contains(TextKey(party)) || authorizedParties.isEmpty && proof == .audience
    }
}
