/// What a user may do.
enum Role: String, Sendable, CaseIterable {
    /// A user without a name or a password, who expires after a few days.
    case guest
    case client
    case admin
}
