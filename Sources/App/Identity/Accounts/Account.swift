import HTTP
import JSON
import Postgres

/// A user's account as clients may see it, which never contains the password's hash.
package struct Account: Sendable {
    let id: String
    let email: String?
    let username: String?
    let name: String?
    let age: Int64?
    let role: Role
    let createdAt: String

    func write(to object: inout (some JSONMembers & ~Copyable)) {
        object.member("id", id)
        object.member("email", optional: email)
        object.member("username", optional: username)
        object.member("name", optional: name)
        object.member("age", JSON(age))
        object.member("role", role.rawValue)
        object.member("created_at", createdAt)
    }

    var json: JSON { JSON(object: write) }

    static let role = JSONSchema.string(enum: Role.allCases.map(\.rawValue)).named("Role")
    /// The roles that an admin may assign.
    static let assignableRole = JSONSchema.string(enum: [Role.client.rawValue, Role.admin.rawValue]).named(
        "AssignableRole")

    static let resource = Resource(
        "Account", .id("id", sql: "u.id"), .text("email", Registration.loginName, sql: "u.email").nullable,
        .text("username", Registration.loginName, sql: "u.username").nullable,
        .text("name", Registration.name, sql: "u.name").nullable,
        .integer("age", sql: "u.age").nullable,
        .text("role", role, sql: "u.role").described("A `guest` has no e-mail, username or password"),
        .time("created_at", sql: "u.created_at"))
    static let schema = resource.schema
}
