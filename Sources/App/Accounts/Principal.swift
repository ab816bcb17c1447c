/// Who calls: the account behind a token, as it is now.
package final class Principal: Sendable {
    package let account: Account
    let sessionID: String

    init(account: Account, sessionID: String) {
        self.account = account
        self.sessionID = sessionID
    }

    var id: String { account.id }
    var isAdmin: Bool { account.role == .admin }
}
