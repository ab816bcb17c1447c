/// The 3,000 most common passwords of at least 8 bytes (OWASP ASVS 5, 6.2.4), as the frequency list of zxcvbn ranks
/// them (PyPI `zxcvbn` 4.5.0, MIT). `common_passwords.txt` contains them in lower case, one per line, sorted by bytes.
/// Lookups search the text itself, so that nothing is loaded at the start.
enum CommonPasswords {
    /// Whether the password is one of them, regardless of case.
    static func contains(_ password: String) -> Bool {
        let password = Array(password.lowercased().utf8)
        let text = PackageResources.common_passwords_txt
        var rest = 0..<text.count
        while !rest.isEmpty {
            let middle = rest.lowerBound + rest.count / 2
            let start = text[..<middle].lastIndex(of: newline).map { $0 + 1 } ?? 0
            let end = text[middle...].firstIndex(of: newline) ?? text.count
            let line = text[start..<end]
            if line.elementsEqual(password) { return true }
            rest = line.lexicographicallyPrecedes(password) ? (end + 1)..<rest.upperBound : rest.lowerBound..<start
        }
        return false
    }

    private static let newline = UInt8(ascii: "\n")
}
