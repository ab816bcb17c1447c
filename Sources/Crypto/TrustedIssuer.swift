/// Somebody else whose tokens we take, and what these must say to have been meant for us.
///
/// Without that an issuer's token for any other service would open a door here (RFC 8725, section 3.9).
package struct TrustedIssuer: Sendable {
    /// The claim that each of its tokens must have; the other one is checked where there is one.
    package enum Proof: Sendable {
        /// `aud`: for whom it was made (RFC 7519, section 4.1.3).
        case audience
        /// `azp`: to whom it was given (OpenID Connect Core 1.0, section 2).
        case authorizedParty
    }

    /// Its `iss`, to the letter.
    package let name: String
    private let proof: Proof
    private let audiences: Set<String>
    private let authorizedParties: Set<String>

    /// - Parameters:
    ///   - audiences: of which a token names one at least, if it names any.
    ///   - authorizedParties: of which a token names one, if it names any; none here are everyone, unless `proof` asks
    ///     for one.
    package init(_ name: String, proof: Proof, audiences: Set<String>, authorizedParties: Set<String>) {
        self.name = name
        self.proof = proof
        self.audiences = audiences
        self.authorizedParties = authorizedParties
    }

    /// Whether a token for those audiences and that party was meant for us.
    func accepts(audiences named: [String]?, authorizedParty party: String?) -> Bool {
        if let named {
            guard !audiences.isDisjoint(with: named) else { return false }
        } else if proof == .audience {
            return false
        }
        guard let party else { return proof == .audience }
        return authorizedParties.contains(party) || authorizedParties.isEmpty && proof == .audience
    }
}
