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

    /// What an admin may change.
    static let change = ResourceChange(
        JSONSchema.object(
            optional: [
                "name": Registration.name.nullable,
                "age": Registration.age.nullable,
                "role": Account.role.described("A user can become a `client` or an `admin`"),
                "disabled": .boolean,
            ]
        ).named("UserChange"), of: schema)

    var json: JSON {
        var json = account.json.objectValue ?? JSONObject()
        json["disabled"] = .bool(isDisabled)
        return .object(json)
    }
}
