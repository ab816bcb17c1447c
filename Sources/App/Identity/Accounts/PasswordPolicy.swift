import Crypto
import HTTP
import JSON
import System

/// The rules for passwords (OWASP ASVS 5, 6.2): long enough, not the account's own name, not a common password.
enum PasswordPolicy {
    /// The length in bytes that the hasher accepts.
    private static let length = PasswordHasher.acceptedLength
    /// A password that a login sends. One that is longer than every valid password is refused before it is hashed.
    static let attempted = JSONSchema.string(maxLength: length.upperBound)
    static let lengthText = "\(length.lowerBound) to \(length.upperBound) bytes"

    /// Throws 422 for a password that breaks a rule.
    static func check(_ password: String, for account: Account) throws {
        let violations = violations(of: password, at: "/password", names: [account.email, account.username])
        guard violations.isEmpty else { throw Problem.invalid(violations) }
    }

    static func violations(of password: String, at pointer: String, names: [String?]) -> [Violation] {
        let password = password.normalized
        if !length.contains(password.utf8.count) {
            return [Violation(pointer: pointer, message: "must be \(lengthText) long")]
        }
        // Names that are canonically equivalent are equal here.
        if names.contains(where: { $0?.lowercased() == password.lowercased() }) {
            return [Violation(pointer: pointer, message: "must not be the e-mail or username")]
        }
        return CommonPasswords.contains(password) ? [Violation(pointer: pointer, message: "is too common")] : []
    }
}
