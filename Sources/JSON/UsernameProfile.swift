import System

/// The PRECIS profile UsernameCaseMapped (RFC 8265, section 3.3), for usernames and the parts of e-mails: names that
/// look alike must not belong to different accounts.
///
/// Stricter than the profile: what is invisible or needs a context (joiners, middle dots) is not allowed, and neither
/// are halfwidth letters. Names keep the case in which they were written; the database compares without it.
package enum UsernameProfile {
    /// The form that is stored: fullwidth characters become those of ASCII, and letters are composed.
    package static func enforced(_ name: String) -> String {
        var mapped = String.UnicodeScalarView()
        for scalar in name.unicodeScalars {
            let isFullwidth = (0xFF01...0xFF5E).contains(scalar.value)
            mapped.append(isFullwidth ? Unicode.Scalar(scalar.value - 0xFEE0) ?? scalar : scalar)
        }
        return String(mapped).normalized
    }

    /// Whether the profile allows every character of the name, and their order.
    package static func allows(_ name: String) -> Bool {
        let scalars = enforced(name).lowercased().normalized.unicodeScalars
        return !scalars.isEmpty && scalars.allSatisfy(allows) && hasOneDirection(scalars)
    }

    /// The derived property of the IdentifierClass (RFC 8264, section 8), for a character in lower case.
    private static func allows(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x21...0x7E: return true
        case 0x6FD, 0x6FE, 0xF0B, 0x3007: return true
        case 0x640, 0x7FA, 0x302E, 0x302F, 0x3031...0x3035, 0x303B: return false
        // The old jamo of Hangul.
        case 0x1100...0x11FF, 0xA960...0xA97C, 0xD7B0...0xD7FB: return false
        default: break
        }
        let properties = scalar.properties
        guard !properties.isDefaultIgnorableCodePoint, !properties.isNoncharacterCodePoint,
            !hasCompatibleForm(scalar)
        else { return false }
        switch properties.generalCategory {
        case .lowercaseLetter, .uppercaseLetter, .otherLetter, .modifierLetter, .decimalNumber, .nonspacingMark,
            .spacingMark:
            return true
        default: return false
        }
    }

    /// Whether NFKC replaces the character, which is composed and in lower case. The property also has the letters that
    /// only case folding changes: `ß`, `ς`, Greek with iota, Cherokee.
    private static func hasCompatibleForm(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0xDF, 0x3C2, 0x345, 0x13F8...0x13FD, 0x1F80...0x1FF7, 0xAB70...0xABBF: false
        default: scalar.properties.changesWhenNFKCCaseFolded
        }
    }

    /// The Bidi Rule (RFC 5893, section 2) for a name with characters that are written from right to left: it begins
    /// with such a letter, has no letter of the other direction, ends with a letter or digit, and has digits of one
    /// kind.
    private static func hasOneDirection(_ scalars: String.UnicodeScalarView) -> Bool {
        guard let first = scalars.first, scalars.contains(where: isRightToLeft) else { return true }
        let end = scalars.last { $0.properties.generalCategory != .nonspacingMark } ?? first
        let hasArabicDigits = scalars.contains { (0x660...0x669).contains($0.value) }
        let hasOtherDigits = scalars.contains { isDigit($0) && !(0x660...0x669).contains($0.value) }
        return isRightToLeft(first) && first.properties.isAlphabetic
            && (isDigit(end) || isRightToLeft(end) && end.properties.isAlphabetic)
            && !(hasArabicDigits && hasOtherDigits)
            && scalars.allSatisfy { isRightToLeft($0) || !$0.properties.isAlphabetic }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .decimalNumber
    }

    /// Whether the character is in a block of a script that is written from right to left.
    private static func isRightToLeft(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x590...0x8FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFF, 0x10800...0x10FFF, 0x1E800...0x1EFFF: true
        default: false
        }
    }
}
