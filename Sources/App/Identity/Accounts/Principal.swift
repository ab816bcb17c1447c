import HTTP

/// The caller: the current account of a token or key. A class, because every stage passes it on.
package final class Principal: Sendable {
    /// How the caller was authenticated.
    enum Proof: Sendable {
        case session(id: String)
        case key(id: String, Set<Scope>)
        /// A token of another issuer. It permits what a session does, but only the issuer can end it.
        case identity
    }

    package let account: Account
    let proof: Proof
    /// The account's credits when the call was authenticated.
    let credits: Credits
    /// Whether the account keeps as many bytes as it may.
    let isFull: Bool
    /// The bytes that the account stores, at an endpoint that shows them; otherwise 0.
    let storedBytes: Int64
    /// When the token was issued, in seconds since 1970; nil for a key and for a token that does not say.
    let issuedAt: Int64?
    /// When the token expires, in seconds since 1970; nil for a key, which is looked up.
    let expires: Int64?

    init(
        account: Account, proof: Proof, credits: Credits, isFull: Bool, storedBytes: Int64, issuedAt: Int64?,
        expires: Int64?
    ) {
        self.account = account
        self.proof = proof
        self.credits = credits
        self.isFull = isFull
        self.storedBytes = storedBytes
        self.issuedAt = issuedAt
        self.expires = expires
    }

    var id: String { account.id }
    /// Whether the caller has admin rights: an API key of an admin needs the `admin` scope.
    var isAdmin: Bool {
        guard account.role == .admin else { return false }
        if case .key(_, let scopes) = proof { return scopes.contains(.admin) }
        return true
    }

    /// The session that the call belongs to; nil for a key and for a token of another issuer.
    var sessionID: String? {
        if case .session(let id) = proof { id } else { nil }
    }

    /// The API key that the call has; nil for a session.
    var keyID: String? {
        if case .key(let id, _) = proof { id } else { nil }
    }

    /// Why this caller's role or API key does not permit the endpoint; nil if it does. The message names what is
    /// missing.
    func refusal<Input>(by endpoint: Endpoint<Input>) -> Problem? {
        if case .key(_, let scopes) = proof {
            guard endpoint.access.takesKeys else { return .forbidden("API keys may not do this: it needs a login") }
            guard scopes.contains(endpoint.scope) || endpoint.limitedScope.map(scopes.contains) == true else {
                return .lacksScope(endpoint.scope)
            }
        }
        switch endpoint.access {
        case .admin where !isAdmin: return .forbidden("Only admins may do this: it needs the role 'admin'")
        case .account where account.role == .guest, .member where account.role == .guest:
            return .forbidden("Guests may not do this: it needs the role 'client' or 'admin'")
        default: return nil
        }
    }

    /// Why this caller may not do what is left to the owner of something and to admins.
    var refusalOfOtherUser: Problem {
        account.role == .admin ? .lacksScope(.admin) : .forbidden("Only the owner and admins may do this")
    }
}

extension Problem {
    fileprivate static func lacksScope(_ scope: Scope) -> Problem {
        .forbidden("The API key lacks the scope '\(scope.rawValue)'")
    }
}
