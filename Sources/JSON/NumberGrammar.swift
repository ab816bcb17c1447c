/// Whether everything outside strings that begins like a number is a number by RFC 8259, section 6.
///
/// Called only for a document that simdjson refused because of a number, to distinguish "malformed" from "out of
/// range".
func everyNumberIsWellFormed(in bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while let byte = rest.first {
        switch byte {
        case UInt8(ascii: "\""): rest = afterString(rest)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let token = rest.prefix(while: continuesNumber)
            guard isNumber(token) else { return false }
            rest = rest[token.endIndex...]
        default: rest = rest.dropFirst()
        }
    }
    return true
}

private func afterString(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var rest = bytes.dropFirst()
    while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
        if byte == UInt8(ascii: "\\") { rest = rest.dropFirst() }
    }
    return rest
}

/// Everything after a digit counts, except the end of a value, so that `1x` is one malformed number.
private func continuesNumber(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"),
        UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"):
        false
    default: true
    }
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
private func isNumber(_ token: ArraySlice<UInt8>) -> Bool {
    var rest = token
    func takeDigits() -> Int {
        let digits = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        rest = rest.dropFirst(digits.count)
        return digits.count
    }
    func take(_ choices: String) -> Bool {
        guard let byte = rest.first, choices.utf8.contains(byte) else { return false }
        rest = rest.dropFirst()
        return true
    }
    _ = take("-")
    guard take("0") || takeDigits() > 0 else { return false }
    if take("."), takeDigits() == 0 { return false }
    if take("eE") {
        _ = take("+-")
        guard takeDigits() > 0 else { return false }
    }
    return rest.isEmpty
}
