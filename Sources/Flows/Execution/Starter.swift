/// Who started a run, if it was not its owner with a login. Runs that a run starts have the same starter.
package struct Starter: Sendable {
    package static let owner = Starter(userID: nil, keyID: nil)

    /// The admin who started a run of another user; nil: the owner.
    package let userID: String?
    /// The API key that the call had; nil: none.
    package let keyID: String?

    package init(userID: String?, keyID: String?) {
        self.userID = userID
        self.keyID = keyID
    }
}
