import HTTP
import JSON
import Postgres

/// A user's key for programs: `Authorization: Bearer fm_…`. It permits what its scopes and its user's role permit,
/// and never the management of the account itself.
enum APIKey {
    /// Makes keys recognizable to scanners for leaked secrets.
    static let prefix = "fm_"
    /// The number of random bytes in a key, equal to the length of its digest.
    static let length = 32
    /// The maximum number of active keys of one user.
    static let maximumKeys = 100
    /// The permitted lifetimes of a key, in seconds.
    static let lifetime: ClosedRange<Int64> = 60...366 * 86_400
    /// The lifetime of a key that is created without one.
    static let defaultLifetime: Int64 = 365 * 86_400

    static let name = JSONSchema.string(minLength: 1, maxLength: 200)
    static let scopes = JSONSchema.array(
        of: .string(enum: Scope.allCases.map(\.rawValue)).named("Scope"), count: 1...Scope.allCases.count)
    static let resource = Resource(
        "APIKey", .id("id"), .text("name", name), .json("scopes", scopes, sql: "array_to_json(scopes)"),
        .time("created_at"), .time("expires_at"))
    /// A new key: the only answer that contains the key itself.
    static let made = resource.schema.extended(
        optional: ["key": JSONSchema.string(maxLength: 100).described("The key itself; no other answer shows it")]
    ).named("NewAPIKey")
}

extension Scope {
    /// The scopes that an array of their names holds.
    static func set(_ names: JSON?) -> Set<Scope> {
        Set((names?.arrayValue ?? []).compactMap { ($0.stringValue).flatMap(Scope.init) })
    }
}
