extension JSONSchema.Format {
    /// The noun for such a string in messages.
    var noun: String {
        switch self {
        case .email: "an e-mail address"
        case .uuid: "a UUID"
        case .dateTime: "a date and time"
        }
    }

    func fits(_ string: String) -> Bool {
        switch self {
        case .email: isEmail(string)
        case .uuid: string.isUUID
        case .dateTime: true
        }
    }
}

/// One `@` between two parts, without white space and control characters, within the 254 bytes that mail can carry (RFC
/// 5321, section 4.5.3.1.3). Only a message to the address can show whether it exists.
private func isEmail(_ string: String) -> Bool {
    guard string.utf8.count <= 254 else { return false }
    let parts = string.split(separator: "@", omittingEmptySubsequences: false)
    return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
        && !string.unicodeScalars.contains { $0.properties.isWhitespace || $0.isInvisible }
}

extension Unicode.Scalar {
    /// A control character, or one that is invisible and may change how others are displayed: with it, two different
    /// names could look the same.
    package var isInvisible: Bool {
        [.control, .format].contains(properties.generalCategory) || properties.isDefaultIgnorableCodePoint
    }
}
