import JSON

extension JSON {
    /// Whether arrays and objects are nested at most `depth` levels deep.
    func fits(depth: Int) -> Bool {
        switch self {
        case .null, .bool, .integer, .unsigned, .number, .string: true
        case .array(let elements): depth > 0 && elements.allSatisfy { $0.fits(depth: depth - 1) }
        case .object(let object): depth > 0 && object.members.allSatisfy { $0.value.fits(depth: depth - 1) }
        }
    }

    /// The approximate size of the value's text in bytes.
    var weight: Int {
        switch self {
        case .null, .bool: 4
        case .integer, .unsigned, .number: 12
        case .string(let text): text.utf8.count + 2
        case .array(let elements): elements.reduce(2) { $0 + $1.weight + 1 }
        case .object(let object): object.members.reduce(2) { $0 + $1.name.utf8.count + $1.value.weight + 4 }
        }
    }
}
