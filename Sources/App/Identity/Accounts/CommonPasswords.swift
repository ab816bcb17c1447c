/// The 3,000 commonest passwords of 8 bytes and more (OWASP ASVS 5, 6.2.4), as the frequency list of zxcvbn ranks
/// them (PyPI `zxcvbn` 4.5.0, MIT). `common_passwords.txt` holds them in lower case, a line each, in order of their
/// bytes: they are looked up where they stand, and a start costs nothing.
enum CommonPasswords {
    /// Whether the password is one of them, in whatever case.
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
