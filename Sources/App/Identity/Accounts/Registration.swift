import HTTP
import JSON

/// The data of a new account.
struct Registration {
    let email: String?
    let username: String?
    let password: String
    let name: String?
    let age: Int64?

    static let email = JSONSchema.string(maxLength: 254, format: .email)
    static let username = JSONSchema.string(minLength: 1, maxLength: 254)
    /// The name in a login: at most as long as the name of an account can be.
    static let loginName = JSONSchema.string(maxLength: 254)
    static let name = JSONSchema.string(maxLength: 200)
    /// `init` checks its length, which counts bytes.
    static let password = PasswordPolicy.attempted.described("\(PasswordPolicy.lengthText) of UTF-8")
    static let schema = JSONSchema.object(
        required: ["password": password], optional: ["email": email, "username": username, "name": name]
    ).named("Registration")

    /// An account that the program itself creates, without a check of its values.
    init(email: String?, username: String?, password: String) {
        self.email = email
        self.username = username
        self.password = password
        name = nil
        age = nil
    }

    /// Reads a body that fits its endpoint's schema. Throws 422 with every rule that the values break.
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
            violations.append(Violation(pointer: "/email", message: "an e-mail or a username is required"))
        }
        if input["email"] == nil, let namedEmail {
            // A name that looks like an e-mail is treated as one, so that it cannot take another user's address.
            violations += Registration.email.violations(in: .string(namedEmail)).map {
                Violation(pointer: "/username", message: $0.message)
            }
        } else if input["email"] != nil, namedEmail != nil {
            violations.append(Violation(pointer: "/username", message: "must not be an e-mail if 'email' is given too"))
        }
        if let username, username.unicodeScalars.contains(where: { $0.properties.isWhitespace || $0.isInvisible }) {
            violations.append(Violation(pointer: "/username", message: "must not contain spaces or control characters"))
        }
        violations += PasswordPolicy.violations(of: password, at: "/password", names: [email, username])
        guard violations.isEmpty else { throw Problem.invalid(violations) }
    }
}
