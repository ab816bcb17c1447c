import JSON
import Postgres

/// An account as admins see and manage it.
struct User {
    let account: Account
    let isDisabled: Bool

    static let resource = Resource(
        "User", extending: Account.resource,
        .boolean("disabled", sql: "u.disabled_at IS NOT NULL").described("Whether the user is disabled"))
    static let schema = resource.schema

    var json: JSON {
        var json = account.json.objectValue ?? JSONObject()
        json["disabled"] = .bool(isDisabled)
        return .object(json)
    }
}
