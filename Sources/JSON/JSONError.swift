/// Why bytes are not a JSON document that this program accepts.
package enum JSONError: Error, Equatable {
    /// Only white space.
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
    /// Two members of one object have this name, byte by byte.
    case duplicateName(String)
    /// An integer beyond `UInt64` or `Int64`, or another number beyond `Double`.
    case numberOutOfRange
    /// More than 4 GiB.
    case tooLarge
    /// The process has no memory for it now; the document may be valid.
    case outOfMemory
}

/// The limits on a document; one that exceeds them is refused.
package struct JSONLimits: Sendable {
    /// The nesting of arrays and objects. The parser recurses to this depth, so keep it in the hundreds.
    package var depth: Int
    /// The number of members in one object; exact up to 16 million.
    package var members: Int
    /// The number of elements in one array; exact up to 16 million.
    package var elements: Int
    /// The number of combining marks in a row, in any string; stream-safe text (UAX #15, section 13) has at most 30.
    package var marks: Int

    package init(depth: Int = 64, members: Int = 10_000, elements: Int = 100_000, marks: Int = 64) {
        self.depth = depth
        self.members = members
        self.elements = elements
        self.marks = marks
    }

    package static let standard = JSONLimits()
    /// For documents that this program wrote itself: a value within the default limits, inside a few more levels.
    package static let own = JSONLimits(depth: standard.depth + 16)
}
