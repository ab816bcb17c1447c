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

    /// The same, but counting ends once it is more than `limit`: a value may contain a large one many times.
    func weight(upTo limit: Int) -> Int {
        var (weight, open) = (0, [self])
        while let value = open.popLast(), weight <= limit {
            switch value {
            case .array(let elements):
                weight += 2 + elements.count
                open += elements
            case .object(let object):
                weight += 2
                for member in object.members {
                    weight += member.name.utf8.count + 4
                    open.append(member.value)
                }
            default: weight += value.weight
            }
        }
        return weight
    }
}
