import JSON
import Postgres

/// A login session: a login begins it and refresh tokens renew it. It ends when it expires, when its user ends it, or
/// when a refresh token is used twice.
struct Session {
    let id: String
    let userID: String
    /// The secret from which its refresh tokens are derived.
    let seed: [UInt8]
    /// The number of the current refresh token.
    let refreshNumber: Int
    /// Seconds until the session expires.
    let secondsLeft: Int

    /// The maximum lifetime of a session, which renewals do not extend.
    static let lifetimeDays = 30
    /// The maximum number of sessions that a user has at a time.
    static let maximumSessions = 100
    /// Seconds for which a used refresh token returns the same successor again, because the first answer may have been
    /// lost.
    static let grace = 10
    /// The maximum length of the stored user agent, in Unicode scalars.
    static let agentLength = 200

    static let resource = Resource(
        "Session", .id("id", sql: "s.id"), .time("created_at", sql: "s.created_at"),
        .time("last_used_at", sql: "coalesce(s.refreshed_at, s.created_at)").described(
            "When it was last renewed; at first, when it began"),
        .time("expires_at", sql: "s.expires_at"), .text("address", Network.schema, sql: "s.address"),
        .text("agent", .string(maxLength: agentLength), sql: "s.agent").described("The `User-Agent` of the login"),
        .boolean("current", sql: "s.id IS NOT DISTINCT FROM caller.session").described(
            "Whether it is the session of this call"))
}
