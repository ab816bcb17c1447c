import JSON

/// An account as its user sees it.
struct Profile {
    let account: Account
    let credits: Credits
    let storage: StoredBytes

    func write(to object: inout (some JSONMembers & ~Copyable)) {
        account.write(to: &object)
        object.member("credits") { credits.write(to: &$0) }
        object.member("storage") { storage.write(to: &$0) }
    }

    var json: JSON { JSON(object: write) }
    var text: JSONText { .object(write) }

    static let schema = Account.schema.extended(by: ["credits": Credits.schema, "storage": StoredBytes.schema])
        .named("Profile")

    /// What a user may change. The e-mail is checked only if it is new: that of an older account may be refused today.
    static let change = ResourceChange(
        JSONSchema.object(
            optional: [
                "name": Registration.name.nullable,
                "age": Registration.age.nullable,
                "email": .unchecked(Registration.email.nullable).described(
                    "A new e-mail, or the present one; `null` if the account has none"),
                "password": Registration.password,
                "current_password": PasswordPolicy.attempted.described("Required for a new password or e-mail"),
            ]
        ).named("AccountChange"), of: schema, figures: ["storage"])
}
