import System

extension JSONSchema.Format {
    /// The noun for such a string in messages.
    var noun: String {
        switch self {
        case .email: "an e-mail address"
        case .uuid: "a UUID"
        case .dateTime: "a date and time with an offset (RFC 3339)"
        }
    }

    func fits(_ string: String) -> Bool {
        switch self {
        case .email: isEmail(string)
        case .uuid: string.isUUID
        case .dateTime: RFC3339.milliseconds(string) != nil
        }
    }
}

/// One `@` between two parts that the profile of usernames allows, within the 254 bytes that mail can carry (RFC 5321,
/// section 4.5.3.1.3). Only a message to the address can show whether it exists.
private func isEmail(_ string: String) -> Bool {
    // The form in which it is stored: it may have another length, and an `@` for a fullwidth one.
    let stored = UsernameProfile.enforced(string)
    guard stored.utf8.count <= 254 else { return false }
    let parts = stored.unicodeScalars.split(separator: "@", omittingEmptySubsequences: false)
    return parts.count == 2 && parts.allSatisfy { UsernameProfile.allows(String($0)) }
}
