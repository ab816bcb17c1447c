/// A key for access tokens that was created after those of the settings: a row of `token_keys`, which the processes of
/// all machines share.
enum TokenKey {
    /// Seconds from the creation of a key to its first signature.
    ///
    /// A process that receives a token of an unknown key reads the table, but at most once per second
    /// (`SessionTokens.verify`): a client that sends tokens of keys that do not exist can delay the next read by that
    /// second. This does no harm, because a key is in the table for more than a second before its first token exists,
    /// so that the read in that second has found it. The remaining seconds allow for a slow commit.
    static let lead = 5
    /// Seconds for which a process signs before it checks whether another key is due. Until then it signs with the
    /// previous key, and its tokens are still valid; therefore two keys begin to sign at least this far apart.
    static let signingAge: Int64 = 2
    /// Seconds after which no access token of a replaced key is valid: the lifetime of a token, the permitted
    /// difference of clocks (`TokenIssuer.leeway`), and as long again for a process that signed with the old key a
    /// little longer.
    static let tokensEnd = Int(Session.tokenLifetime) + 60

    /// A row cannot be opened, because `SEALING_KEY` has changed. Older keys are no substitute: one of them may be
    /// compromised, which may be why this key was created.
    struct Unreadable: Error {}

    /// The associated data of a sealed key, which binds it to its id.
    static func associated(_ id: String) -> [UInt8] { Array("token key \(id)".utf8) }
}
