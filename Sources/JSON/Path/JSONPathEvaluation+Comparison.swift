import Glibc
import System

/// Comparisons (RFC 9535, section 2.3.5.2.2).
extension JSONPathEvaluation {
    mutating func holds(
        _ left: JSON?, _ comparison: JSONPath.ComparisonOperator, _ right: JSON?
    ) throws(JSONPathLimitError) -> Bool {
        switch comparison {
        case .equal: try areEqual(left, right)
        case .notEqual: try !areEqual(left, right)
        case .less: try isLess(left, right)
        case .greater: try isLess(right, left)
        case .lessOrEqual: try isLess(left, right) ? true : areEqual(left, right)
        case .greaterOrEqual: try isLess(right, left) ? true : areEqual(left, right)
        }
    }

    private mutating func areEqual(_ left: JSON?, _ right: JSON?) throws(JSONPathLimitError) -> Bool {
        switch (left, right) {
        case (nil, nil): true
        case (let left?, let right?): try areEqual(left, right)
        default: false
        }
    }

    private mutating func areEqual(_ left: JSON, _ right: JSON) throws(JSONPathLimitError) -> Bool {
        switch (left, right) {
        case (.null, .null): return true
        case (.bool(let left), .bool(let right)): return left == right
        case (.string(let left), .string(let right)):
            guard left.utf8.count == right.utf8.count else { return false }
            try budget.visit(left.utf8.count / 64)
            return left.hasSameBytes(as: right)
        case (.array(let left), .array(let right)):
            guard left.count == right.count else { return false }
            for index in left.indices {
                try budget.visit()
                guard try areEqual(left[index], right[index]) else { return false }
            }
            return true
        case (.object(let left), .object(let right)): return try areEqual(left, right)
        default: return numericOrder(left, right) == 0
        }
    }

    /// Whether both have the same names with equal values, in any order.
    private mutating func areEqual(_ left: JSONObject, _ right: JSONObject) throws(JSONPathLimitError) -> Bool {
        guard left.count == right.count else { return false }
        // Most often both have their names in the same order; only otherwise is an index worth its memory.
        var indices: [TextKey: Int]?
        for (position, member) in left.members.enumerated() {
            try budget.visit()
            var found = position
            if !right.members[position].name.hasSameBytes(as: member.name) {
                if indices == nil {
                    try budget.visit(right.count)
                    indices = Dictionary(
                        right.members.enumerated().map { (TextKey($1.name), $0) },
                        uniquingKeysWith: { first, _ in first })
                }
                guard let index = indices?[TextKey(member.name)] else { return false }
                found = index
            }
            guard try areEqual(member.value, right.members[found].value) else { return false }
        }
        return true
    }

    /// Numbers and strings have an order; of other values none is less.
    private mutating func isLess(_ left: JSON?, _ right: JSON?) throws(JSONPathLimitError) -> Bool {
        guard let left, let right else { return false }
        if case .string(let left) = left, case .string(let right) = right {
            try budget.visit(min(left.utf8.count, right.utf8.count) / 64)
            return left.precedes(right)
        }
        return numericOrder(left, right).map { $0 < 0 } ?? false
    }
}

extension String {
    /// Whether it comes first in the order of Unicode scalars, which is that of the bytes in UTF-8.
    fileprivate func precedes(_ other: String) -> Bool {
        unsafe utf8Span.span.withUnsafeBufferPointer { a in
            unsafe other.utf8Span.span.withUnsafeBufferPointer { b in
                guard let start = a.baseAddress, let otherStart = b.baseAddress else { return a.count < b.count }
                let order = unsafe memcmp(start, otherStart, min(a.count, b.count))
                return order < 0 || order == 0 && a.count < b.count
            }
        }
    }
}

/// Below, at or above zero if the first number is less, equal or greater, exactly; nil unless both are numbers.
private func numericOrder(_ left: JSON, _ right: JSON) -> Int? {
    switch (left, right) {
    case (.integer(let left), .integer(let right)): order(left, right)
    case (.unsigned(let left), .unsigned(let right)): order(left, right)
    case (.number(let left), .number(let right)): order(left, right)
    // An unsigned one is above every `Int64`.
    case (.integer, .unsigned): -1
    case (.unsigned, .integer): 1
    case (.integer(let left), .number(let right)): order(left, right, outside: right < 0 ? 1 : -1)
    case (.number(let left), .integer(let right)): -order(right, left, outside: left < 0 ? 1 : -1)
    case (.unsigned(let left), .number(let right)): order(left, right, outside: right < 0 ? 1 : -1)
    case (.number(let left), .unsigned(let right)): -order(right, left, outside: left < 0 ? 1 : -1)
    default: nil
    }
}

private func order<Number: Comparable>(_ left: Number, _ right: Number) -> Int {
    left < right ? -1 : left > right ? 1 : 0
}

/// Compares without rounding the integer: with the whole part of the double, and then its fraction with zero.
private func order<Integer: FixedWidthInteger>(_ left: Integer, _ right: Double, outside: Int) -> Int {
    // A double has up to 53 bits exactly.
    if left.magnitude <= 1 << 53 { return order(Double(left), right) }
    let whole = right.rounded(.towardZero)
    guard let integer = Integer(exactly: whole) else { return outside }
    return left == integer ? order(0, right - whole) : order(left, integer)
}
