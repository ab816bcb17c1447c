/// Who calls: the account behind a token, as it is now.
package struct Principal: Sendable {
    package let account: Account
    let sessionID: String

    var id: String { account.id }
    var isAdmin: Bool { account.role == .admin }
}
