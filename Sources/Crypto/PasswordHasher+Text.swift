import System

/// How a password matched a stored hash.
package enum PasswordMatch: Sendable {
    case none
    case normalized
    /// Only the bytes as sent match: the hash was stored before passwords were normalized, and is to be replaced.
    case asSent
}

/// Passwords as text are hashed in normalization form C (NIST SP 800-63B, section 5.1.1.2): keyboards differ in how
/// they compose letters.
extension PasswordHasher {
    package func hash(_ password: String) throws(PasswordError) -> String {
        try hash(Array(password.normalized.utf8))
    }

    /// Compares the normalized password, and if that differs from the bytes as sent and does not match, those too.
    /// The time does not depend on which accounts exist.
    package func match(_ password: String, against stored: String?) throws(PasswordError) -> PasswordMatch {
        let normalized = password.normalized
        if try verify(Array(normalized.utf8), against: stored) { return .normalized }
        if normalized.hasSameBytes(as: password) { return .none }
        return try verify(Array(password.utf8), against: stored) ? .asSent : .none
    }
}
