/// A Unicode general category, as `\p{Lu}` names it (RFC 9485, section 3), or all with the same first letter (`\p{L}`).
struct UnicodeCategory {
    private static let names: Set<String> = Set(
        ["L lmotu", "M cen", "N dlo", "P cdefios", "Z lps", "S ckmo", "C cfno"].flatMap { line in
            let letter = String(line.prefix(1))
            return [letter] + line.dropFirst(2).map { letter + String($0) }
        })
    private static let letters = "LMNPZS".map { "\\p{\($0)}" }.joined()

    private let name: String

    init?(_ name: String) {
        guard Self.names.contains(name) else { return nil }
        self.name = name
    }

    /// In the syntax of libre2, to which unassigned characters (`Cn`) belong to no category, and not to `C` either.
    func atom(isComplement: Bool) -> String {
        guard includesUnassigned else { return (isComplement ? "\\P" : "\\p") + "{\(name)}" }
        return "[\(isComplement ? "" : "^")\(Self.letters)\(name == "Cn" ? "\\p{C}" : "")]"
    }

    /// The same within brackets.
    func inClass(isComplement: Bool) -> String {
        guard includesUnassigned else { return atom(isComplement: isComplement) }
        if isComplement { return Self.letters + (name == "Cn" ? "\\p{C}" : "") }
        return (name == "C" ? "\\p{C}" : "") + Self.unassigned
    }

    private var includesUnassigned: Bool { name == "C" || name == "Cn" }

    /// All unassigned characters as ranges, because a complement within brackets has no syntax. Computed when an
    /// expression first needs it.
    private static let unassigned: String = {
        var ranges = ""
        var start: UInt32?
        for value in UInt32(0)...0x11_0000 {
            // Surrogates and the value after the last character end a range.
            let isUnassigned = Unicode.Scalar(value)?.properties.generalCategory == .unassigned
            if isUnassigned, start == nil { start = value }
            if !isUnassigned, let first = start {
                ranges += "\\x{\(String(first, radix: 16))}-\\x{\(String(value - 1, radix: 16))}"
                start = nil
            }
        }
        return ranges
    }()
}
