import HTTP

/// The caller: the current account of a token or key. A class, because every stage passes it on.
package final class Principal: Sendable {
    /// How the caller was authenticated.
    enum Credential: Sendable {
        case session(id: String)
        case key(id: String, Set<Scope>)
        /// A token of another issuer. It permits what a session does, but only the issuer can end it.
        case identity
    }

    package let account: Account
    let credential: Credential
    /// The account's credits when the call was authenticated.
    let credits: Credits

    init(account: Account, credential: Credential, credits: Credits) {
        self.account = account
        self.credential = credential
        self.credits = credits
    }

    var id: String { account.id }
    /// Whether the caller has admin rights: an API key of an admin needs the `admin` scope.
    var isAdmin: Bool {
        guard account.role == .admin else { return false }
        if case .key(_, let scopes) = credential { return scopes.contains(.admin) }
        return true
    }

    /// The session that the call belongs to; nil for a key and for a token of another issuer.
    var sessionID: String? {
        if case .session(let id) = credential { id } else { nil }
    }

    /// Why this caller's role or credential does not permit the endpoint; nil if it does.
    func refusal<Input>(by endpoint: Endpoint<Input>) -> Problem? {
        if case .key(_, let scopes) = credential {
            guard endpoint.access.takesKeys else { return Problem(.forbidden, "API keys may not do this") }
            guard scopes.contains(endpoint.scope) else {
                return Problem(.forbidden, "The API key lacks the scope '\(endpoint.scope.rawValue)'")
            }
        }
        switch endpoint.access {
        case .admin where !isAdmin: return Problem(.forbidden, "Only admins may do this")
        case .account where account.role == .guest: return Problem(.forbidden, "Guests may not do this")
        default: return nil
        }
    }
}
