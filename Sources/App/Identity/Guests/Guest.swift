import HTTP

/// A user without a name and a password. It expires after a few days unless it is converted to an account; each
/// network address has at most one guest at a time.
enum Guest {
    /// The lifetime of a guest and of its only session.
    static let lifetimeDays = 3
    /// The limit for one network address.
    static let limit = RateLimit(name: "guests", calls: 1, seconds: lifetimeDays * 86_400)
}
