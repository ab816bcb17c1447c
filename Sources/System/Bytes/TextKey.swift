import Glibc

extension String {
    /// Whether both consist of the same bytes.
    ///
    /// `==` compares by canonical equivalence (UAX #15): to it, `é` equals `e` with a combining accent. Text from
    /// outside is compared by this instead, as RFC 8259, section 8.3 requires. With a constant in ASCII `==` gives the
    /// same result, unless the constant contains `K`, `;` or a backtick, which have equivalents outside of ASCII.
    @inlinable package func hasSameBytes(as other: String) -> Bool {
        isIdentical(to: other) || utf8.count == other.utf8.count && hasSameContent(as: other)
    }

    /// Whether both are the same in memory: nearly always if they are equal and have up to 15 bytes, which a string
    /// contains itself.
    @inlinable func isIdentical(to other: String) -> Bool {
        unsafe unsafeBitCast(self, to: (UInt64, UInt64).self) == unsafeBitCast(other, to: (UInt64, UInt64).self)
    }

    /// The same for two strings of the same length.
    @usableFromInline func hasSameContent(as other: String) -> Bool {
        unsafe utf8.withContiguousStorageIfAvailable { a in
            unsafe other.utf8.withContiguousStorageIfAvailable { b in
                guard let start = a.baseAddress, let otherStart = b.baseAddress else { return true }
                return unsafe memcmp(start, otherStart, a.count) == 0
            } ?? false
        } ?? false
    }

    /// Combines the bytes, and their end, so that two texts in a row are not taken for two others.
    @inlinable package func combineBytes(into hasher: inout Hasher) {
        unsafe utf8Span.span.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        hasher.combine(UInt8.max)
    }
}

/// A text from outside as a member of a set or the key of a dictionary: it equals only the same bytes.
package struct TextKey: Hashable, Sendable {
    package let text: String

    @inlinable package init(_ text: String) { self.text = text }

    @inlinable package static func == (one: TextKey, other: TextKey) -> Bool { one.text.hasSameBytes(as: other.text) }

    @inlinable package func hash(into hasher: inout Hasher) { text.combineBytes(into: &hasher) }
}
