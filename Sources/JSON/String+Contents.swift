import Glibc
import System

extension String {
    /// Whether it contains U+0000, which ends a text in C and Postgres.
    package var holdsNull: Bool {
        unsafe utf8Span.span.withUnsafeBufferPointer { utf8 in
            guard let start = utf8.baseAddress else { return false }
            return unsafe memchr(start, 0, utf8.count) != nil
        }
    }

    /// Whether so many combining marks follow one another that comparing or hashing the string may take long.
    ///
    /// Swift compares strings by canonical equivalence (UAX #15), and sorts each run of marks for that in quadratic
    /// time: with a megabyte of marks one `==` takes minutes. So no such string from outside is accepted.
    package func hasMarksInARow(moreThan limit: Int = JSONLimits.standard.marks) -> Bool {
        // A mark takes at least two bytes, so nearly every string is too short for the loop.
        guard utf8.count > limit * 2 else { return false }
        var marks = 0
        for scalar in unicodeScalars {
            marks = scalar.isMark ? marks + 1 : 0
            if marks > limit { return true }
        }
        return false
    }
}

extension String {
    /// The text, or the beginning of one with more Unicode scalars than `limit`, followed by an ellipsis.
    package func shortened(to limit: Int) -> String {
        guard utf8.count > limit, let end = unicodeScalars.index(startIndex, offsetBy: limit, limitedBy: endIndex),
            end < endIndex
        else { return self }
        return self[..<end] + "…"
    }
}

extension String {
    /// Whether it is a UUID of any version (RFC 9562, section 4): 36 characters, hexadecimal in either case, hyphens at
    /// their positions.
    package var isUUID: Bool {
        let bytes = utf8Span.span
        guard bytes.count == 36 else { return false }
        for position in bytes.indices {
            let isHyphen = position == 8 || position == 13 || position == 18 || position == 23
            let byte = bytes[position]
            guard isHyphen ? byte == UInt8(ascii: "-") : Hexadecimal.isDigit(byte) else { return false }
        }
        return true
    }
}

extension Unicode.Scalar {
    /// Whether canonical ordering may move it: every scalar with a combining class, and the three that have none but
    /// decompose into such.
    fileprivate var isMark: Bool {
        // The lowest of them is the first of the block of combining diacritical marks.
        guard value >= 0x300 else { return false }
        return properties.canonicalCombiningClass != .notReordered || [0xF73, 0xF75, 0xF81].contains(value)
    }
}
