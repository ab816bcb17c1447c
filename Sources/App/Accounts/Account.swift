import HTTP
import JSON

/// A user's account as others may see it; the password's hash is never part of it.
package struct Account: Sendable {
    enum Role: String, Sendable, CaseIterable {
        /// Without a name or a password, for a few days.
        case guest
        case client
        case admin
    }

    let id: String
    let email: String?
    let username: String?
    let name: String?
    let age: Int64?
    let role: Role
    let createdAt: String

    var json: JSON {
        [
            "id": .string(id), "email": JSON(email), "username": JSON(username), "name": JSON(name), "age": JSON(age),
            "role": .string(role.rawValue), "created_at": .string(createdAt),
        ]
    }

    static let role = JSONSchema.string(enum: Role.allCases.map(\.rawValue))
    /// What an admin may make of a user.
    static let assignableRole = JSONSchema.string(enum: [Role.client.rawValue, Role.admin.rawValue])

    static let schema = JSONSchema.object(required: [
        "id": .string(format: .uuid), "email": JSONSchema.string.nullable, "username": JSONSchema.string.nullable,
        "name": JSONSchema.string.nullable, "age": JSONSchema.integer.nullable,
        "role": role, "created_at": .string(format: .dateTime),
    ]).named("Account")
}

/// What it takes to make an account.
struct Registration {
    let email: String?
    let username: String?
    let password: String
    let name: String?
    let age: Int64?

    static let email = JSONSchema.string(maxLength: 254, format: .email)
    static let username = JSONSchema.string(minLength: 1, maxLength: 254)
    static let name = JSONSchema.string(maxLength: 200)
    /// Its length counts in bytes, which `init` checks.
    static let password = JSONSchema.string.described("8 to 1024 bytes of UTF-8")
    static let schema = JSONSchema.object(
        required: ["password": password], optional: ["email": email, "username": username, "name": name]
    ).named("Registration")

    /// An account of the program's own making, bound by no policy.
    init(email: String?, username: String?, password: String) {
        self.email = email
        self.username = username
        self.password = password
        name = nil
        age = nil
    }

    /// Reads a body that fits its endpoint's schema; throws every rule that the values break.
    init(_ input: JSON) throws {
        let login = input["username"]?.stringValue
        let namedEmail = login.flatMap { $0.contains("@") ? $0 : nil }
        email = input["email"]?.stringValue ?? namedEmail
        username = namedEmail == nil ? login : nil
        password = input["password"]?.stringValue ?? ""
        name = input["name"]?.stringValue
        age = input["age"]?.integerValue

        var violations: [Violation] = []
        if email == nil, username == nil {
            violations.append(Violation(pointer: "/email", message: "an e-mail or a username is needed"))
        }
        if input["email"] == nil, let namedEmail {
            // What looks like an e-mail is one: nobody takes another's address as a name.
            violations += Registration.email.violations(in: .string(namedEmail)).map {
                Violation(pointer: "/username", message: $0.message)
            }
        } else if input["email"] != nil, namedEmail != nil {
            violations.append(Violation(pointer: "/username", message: "must not be an e-mail beside 'email'"))
        }
        if let username, username.unicodeScalars.contains(where: { $0.properties.isWhitespace || $0.isUnseen }) {
            violations.append(Violation(pointer: "/username", message: "must not contain spaces or control characters"))
        }
        violations += PasswordPolicy.violations(of: password, at: "/password", names: [email, username])
        guard violations.isEmpty else { throw Problem.invalid(violations) }
    }
}

extension Unicode.Scalar {
    /// A control character, or one that changes how others are shown, such as their direction.
    fileprivate var isUnseen: Bool { [.control, .format].contains(properties.generalCategory) }
}

/// What a password must be (OWASP ASVS 5, 6.2): long enough, not the account's own name, none that everybody tries.
enum PasswordPolicy {
    static let length = 8...1024

    static func violations(of password: String, at pointer: String, names: [String?]) -> [Violation] {
        if !length.contains(password.utf8.count) {
            return [Violation(pointer: pointer, message: "must be 8 to 1024 bytes long")]
        }
        if names.contains(where: { $0?.lowercased() == password.lowercased() }) {
            return [Violation(pointer: pointer, message: "must not be the e-mail or username")]
        }
        return CommonPasswords.contains(password) ? [Violation(pointer: pointer, message: "is too common")] : []
    }
}
