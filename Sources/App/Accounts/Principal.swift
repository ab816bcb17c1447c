import HTTP

/// Who calls: the account behind a token or key, as it is now. A class, because every stage passes it on.
package final class Principal: Sendable {
    /// What the caller has shown.
    enum Credential: Sendable {
        case session(id: String)
        case key(id: String, Set<Scope>)
        /// A token of another issuer, which is there to end it: as good as a session, and none of ours.
        case identity
    }

    package let account: Account
    let credential: Credential
    /// What it had when the call came.
    let credits: Credits

    init(account: Account, credential: Credential, credits: Credits) {
        self.account = account
        self.credential = credential
        self.credits = credits
    }

    var id: String { account.id }
    /// Whether the call may do what only admins may: an admin's key needs the scope for it.
    var isAdmin: Bool {
        guard account.role == .admin else { return false }
        if case .key(_, let scopes) = credential { return scopes.contains(.admin) }
        return true
    }

    /// The session that the call belongs to; nil for a key and for a token of another issuer.
    var sessionID: String? {
        if case .session(let id) = credential { id } else { nil }
    }

    /// Whether the call's credential and role do for that endpoint.
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
