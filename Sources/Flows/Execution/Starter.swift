/// Who started a run, if it was not its owner with a login. Runs that a run starts have the same starter.
package struct Starter: Sendable {
    package static let owner = Starter(userID: nil, keyID: nil)

    /// The admin who started a run of another user; nil: the owner.
    package let userID: String?
    /// The API key that the call had; nil: none.
    package let keyID: String?
    /// The call's place in a distributed trace, as its `traceparent` says; nil without one.
    package let trace: String?

    package init(userID: String?, keyID: String?, trace: String? = nil) {
        self.userID = userID
        self.keyID = keyID
        self.trace = trace
    }
}
