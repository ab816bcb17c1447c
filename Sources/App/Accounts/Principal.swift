import HTTP

/// The caller: the present account of a token or key. A class, because every stage passes it on.
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

    /// Whether the credential and role permit a call of that endpoint.
    func mayCall(_ endpoint: Endpoint<Context>) -> Bool {
        switch endpoint.access {
        case .admin where !isAdmin, .account where account.role == .guest: return false
        default: break
        }
        switch credential {
        case .session, .identity: return true
        case .key(_, let scopes):
            return endpoint.access != .session && endpoint.access != .account && scopes.contains(endpoint.scope)
        }
    }
}
