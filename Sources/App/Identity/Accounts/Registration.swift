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
    static let username = JSONSchema.string(minLength: 1, maxLength: 254).described(
        "Letters, digits and ASCII symbols; upper and lower case are the same")
    /// The name in a login: at most as long as the name of an account can be.
    static let loginName = JSONSchema.string(maxLength: 254)
    static let name = JSONSchema.string(maxLength: 200)
    static let age = JSONSchema.integer(0...150)
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
        let namedEmail = Registration.email(namedBy: login)
        email = (input["email"]?.stringValue ?? namedEmail).map(UsernameProfile.enforced)
        username = namedEmail == nil ? login.map(UsernameProfile.enforced) : nil
        password = input["password"]?.stringValue ?? ""
        name = input["name"]?.stringValue
        age = input["age"]?.integerValue
        let violations = Registration.violations(in: input)
        guard violations.isEmpty else { throw Problem.invalid(violations) }
    }

    /// The rules that a body breaks beside its schema.
    static func violations(in input: JSON) -> [Violation] {
        guard case .object = input else { return [] }
        let (email, username) = (input["email"], input["username"]?.stringValue)
        let namedEmail = Registration.email(namedBy: username)
        var violations: [Violation] = []
        if email == nil, input["username"] == nil {
            violations.append(Violation(pointer: "/email", message: "an e-mail or a username is required"))
        }
        if email == nil, let namedEmail {
            // A name that looks like an e-mail is treated as one, so that it cannot take another user's address.
            violations += Registration.email.violations(in: .string(namedEmail)).map {
                Violation(pointer: "/username", message: $0.message)
            }
        } else if email != nil, namedEmail != nil {
            violations.append(Violation(pointer: "/username", message: "must not be an e-mail if 'email' is given too"))
        } else if let username, !username.isEmpty {
            if !UsernameProfile.allows(username) {
                violations.append(
                    Violation(pointer: "/username", message: "must consist of letters, digits and ASCII symbols"))
            }
            // The form that is stored may be longer.
            violations += Registration.username.violations(in: .string(UsernameProfile.enforced(username))).map {
                Violation(pointer: "/username", message: $0.message)
            }
        }
        if let password = input["password"]?.stringValue {
            let names = [email?.stringValue, username]
            violations += PasswordPolicy.violations(of: password, at: "/password", names: names)
        }
        return violations
    }

    /// The e-mail that a username in the form of one stands for.
    private static func email(namedBy username: String?) -> String? {
        username.flatMap { UsernameProfile.enforced($0).utf8.contains(UInt8(ascii: "@")) ? $0 : nil }
    }
}
