import Glibc

extension String {
    /// Whether it holds U+0000, with which C and Postgres end a text.
    package var holdsNull: Bool {
        unsafe utf8Span.span.withUnsafeBufferPointer { utf8 in
            guard let start = utf8.baseAddress else { return false }
            return unsafe memchr(start, 0, utf8.count) != nil
        }
    }

    /// Whether so many combining marks follow one another that comparing or hashing the string may take long.
    ///
    /// Swift compares strings by canonical equivalence (UAX #15), and puts each row of marks in order for that in a time
    /// square in its length: with a megabyte of marks one `==` takes minutes. So no such string from outside may get in.
    package func hasMarksInARow(moreThan limit: Int = JSONLimits.standard.marks) -> Bool {
        // A mark takes two bytes at least, so that nearly every string is too short to be looked at.
        guard utf8.count > limit * 2 else { return false }
        var marks = 0
        for scalar in unicodeScalars {
            marks = scalar.isMark ? marks + 1 : 0
            if marks > limit { return true }
        }
        return false
    }
}

extension Unicode.Scalar {
    /// Whether canonical ordering may move it: everything with a combining class, and the three scalars that have none
    /// but decompose into such.
    fileprivate var isMark: Bool {
        // The first of all is the first of the block of combining diacritical marks.
        guard value >= 0x300 else { return false }
        return properties.canonicalCombiningClass != .notReordered || [0xF73, 0xF75, 0xF81].contains(value)
    }
}
