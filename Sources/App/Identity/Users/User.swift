import JSON
import Postgres

/// An account as admins see and manage it.
struct User {
    let account: Account
    let isDisabled: Bool
    /// Whether the e-mail is known to be the user's.
    let isEmailConfirmed: Bool

    static let resource = Resource(
        "User", extending: Account.resource,
        .boolean("disabled", sql: "u.disabled_at IS NOT NULL").described("Whether the user is disabled"),
        .boolean("email_confirmed", sql: "u.email_confirmed").described(
            """
            Whether flows may name the user by e-mail as an approver: an admin has entered or confirmed it, or its \
            issuer has verified it
            """))
    static let schema = resource.schema

    /// What an admin may change.
    static let change = ResourceChange(
        JSONSchema.object(
            optional: [
                "name": Registration.name.nullable,
                "age": Registration.age.nullable,
                "role": Account.role.described("A user can become a `client` or an `admin`"),
                "disabled": .boolean,
                "email_confirmed": JSONSchema.boolean.described(
                    "`true` needs the `email` that it confirms. False again when the user changes the e-mail"),
            ]
        ).named("UserChange"), of: schema)

    /// The rule of a change that its schema does not contain: an e-mail that the user has just changed is not confirmed
    /// by an admin who has read the former one.
    static func violations(inChange body: JSON) -> [Violation] {
        guard body["email_confirmed"] == true, body["email"] == nil else { return [] }
        return [Violation(pointer: "/email", message: "is required: the e-mail that is confirmed")]
    }

    var json: JSON {
        var json = account.json.objectValue ?? JSONObject()
        json["disabled"] = .bool(isDisabled)
        json["email_confirmed"] = .bool(isEmailConfirmed)
        return .object(json)
    }
}
