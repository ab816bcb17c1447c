/// Checks a regular expression by the grammar of RFC 9485, section 3, and writes it in the syntax of libre2.
///
/// What libre2 has beyond that, such as `^`, `\d`, `+?` and `(?i)`, is refused, or is literal in an I-Regexp.
struct IRegexpTranslation {
    /// libre2's own limit.
    private static let maximumRepetitions = 1_000
    /// Groups are read by recursion.
    private static let maximumNesting = 100
    /// Of the translation: categories take more bytes there.
    private static let maximumLength = 65_536

    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var nesting = 0
    private var output = ""

    var bytes: [UInt8] { Array(output.utf8) }

    init(of text: String) throws(IRegexp.Failure) {
        scalars = Array(text.unicodeScalars)
        try branches()
        guard index == scalars.count else { throw .invalid }
        guard text.utf8.count <= IRegexp.maximumLength, output.utf8.count <= Self.maximumLength else {
            throw .tooLarge
        }
    }

    private var scalar: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func take(_ expected: Unicode.Scalar) -> Bool {
        guard scalar == expected else { return false }
        index += 1
        return true
    }

    /// `branch *("|" branch)`; a branch may be empty.
    private mutating func branches() throws(IRegexp.Failure) {
        repeat {
            while let scalar, scalar != "|", scalar != ")" { try piece(scalar) }
            if scalar == "|" { output += "|" }
        } while take("|")
    }

    /// An atom and its quantifier.
    private mutating func piece(_ first: Unicode.Scalar) throws(IRegexp.Failure) {
        index += 1
        switch first {
        case "(": try group()
        case ".": output += "[^\\n\\r]"
        case "[": try characterClass()
        case "\\": try escape(inClass: false)
        case "*", "+", "?", "{", "}", "]": throw .invalid
        // Not anchors in this syntax.
        case "^", "$": output += "\\\(first)"
        default: output.unicodeScalars.append(first)
        }
        switch scalar {
        case "*", "+", "?":
            index += 1
            output.unicodeScalars.append(scalars[index - 1])
        case "{": try repetition()
        default: break
        }
    }

    private mutating func group() throws(IRegexp.Failure) {
        guard nesting < Self.maximumNesting else { throw .tooLarge }
        nesting += 1
        output += "(?:"
        try branches()
        guard take(")") else { throw .invalid }
        output += ")"
        nesting -= 1
    }

    /// `{2}`, `{2,}` or `{2,3}`.
    private mutating func repetition() throws(IRegexp.Failure) {
        let start = index
        index += 1
        guard let least = try number() else { throw .invalid }
        if take(","), let most = try number(), most < least { throw .invalid }
        guard take("}") else { throw .invalid }
        output.unicodeScalars.append(contentsOf: scalars[start..<index])
    }

    private mutating func number() throws(IRegexp.Failure) -> Int? {
        let start = index
        var value = 0
        while let digit = scalar, ("0"..."9").contains(digit) {
            value = min(value * 10 + Int(digit.value - 48), Self.maximumRepetitions + 1)
            index += 1
        }
        guard index > start else { return nil }
        guard value <= Self.maximumRepetitions else { throw .tooLarge }
        return value
    }

    /// After the backslash: one character, or a category.
    private mutating func escape(inClass: Bool) throws(IRegexp.Failure) {
        guard let escaped = scalar else { throw .invalid }
        index += 1
        switch escaped {
        case "p", "P":
            let category = try category()
            output +=
                inClass ? category.inClass(isComplement: escaped == "P") : category.atom(isComplement: escaped == "P")
        case let character where Self.isEscapable(character): output += "\\\(character)"
        default: throw .invalid
        }
    }

    /// SingleCharEsc of the grammar.
    private static func isEscapable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "("..."+", "-", ".", "?", "["..."^", "n", "r", "t", "{"..."}": true
        default: false
        }
    }

    /// `{Lu}`, after `\p`.
    private mutating func category() throws(IRegexp.Failure) -> UnicodeCategory {
        guard take("{") else { throw .invalid }
        let start = index
        while let scalar, scalar != "}" { index += 1 }
        var name = String.UnicodeScalarView()
        name.append(contentsOf: scalars[start..<index])
        guard take("}"), let category = UnicodeCategory(String(name)) else { throw .invalid }
        return category
    }

    /// After the opening bracket. A hyphen is literal at the beginning and at the end.
    private mutating func characterClass() throws(IRegexp.Failure) {
        // `[^]` has no other reading than a class of `^`.
        let isNegated = scalar == "^" && index + 1 < scalars.count && scalars[index + 1] != "]"
        if isNegated { index += 1 }
        output += isNegated ? "[^" : "["
        let start = index
        if take("-") { output += "\\-" }
        while let first = scalar, first != "]", first != "-" {
            index += 1
            if first == "\\", scalar == "p" || scalar == "P" {
                try escape(inClass: true)
                continue
            }
            let lower = try classCharacter(first)
            guard scalar == "-", index + 1 < scalars.count, scalars[index + 1] != "]" else { continue }
            index += 2
            output += "-"
            guard try classCharacter(scalars[index - 1]) >= lower else { throw .invalid }
        }
        if index > start, take("-") { output += "\\-" }
        guard index > start, take("]") else { throw .invalid }
        output += "]"
    }

    /// CCchar of the grammar; `first` is consumed. Returns the character that it stands for.
    private mutating func classCharacter(_ first: Unicode.Scalar) throws(IRegexp.Failure) -> Unicode.Scalar {
        switch first {
        case "[", "]", "-": throw .invalid
        case "\\":
            guard let escaped = scalar, escaped != "p", escaped != "P" else { throw .invalid }
            try escape(inClass: true)
            return escaped == "n" ? "\n" : escaped == "r" ? "\r" : escaped == "t" ? "\t" : escaped
        case "^": output += "\\^"
        default: output.unicodeScalars.append(first)
        }
        return first
    }
}
