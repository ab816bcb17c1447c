/// Why bytes are no JSON document that this program takes.
package enum JSONError: Error, Equatable {
    /// Nothing but white space.
    case empty
    /// Outside the grammar of RFC 8259, or an escape that is half of a surrogate pair.
    case syntax
    /// Not UTF-8, or it begins with a byte order mark.
    case encoding
    case tooDeep
    case tooManyMembers
    case tooManyElements
    /// More combining marks in a row than any writing system has: see `String.hasMarksInARow`.
    case tooManyMarks
    /// Two members of one object have this name. Names that differ only in Unicode normalization count as the same,
    /// because Swift compares strings so.
    case duplicateName(String)
    /// An integer beyond `UInt64` or `Int64`, or another number beyond `Double`.
    case numberOutOfRange
    /// More than 4 GiB, or more than there is memory for.
    case tooLarge
}

/// How much a document may hold before it is refused.
package struct JSONLimits: Sendable {
    /// Nested arrays and objects. The parser recurses so far, so keep it in the hundreds.
    package var depth: Int
    /// In one object; exact up to 16 million.
    package var members: Int
    /// In one array; exact up to 16 million.
    package var elements: Int
    /// Combining marks in a row, in any string; text that is safe for streams (UAX #15, section 13) has 30.
    package var marks: Int

    package init(depth: Int = 64, members: Int = 10_000, elements: Int = 100_000, marks: Int = 64) {
        self.depth = depth
        self.members = members
        self.elements = elements
        self.marks = marks
    }

    package static let standard = JSONLimits()
    /// Of what this program wrote itself: a value within the standard limits, with a few levels around it.
    package static let own = JSONLimits(depth: standard.depth + 16)
}
