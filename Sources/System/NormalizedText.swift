// The standard library normalizes text for its own comparisons, and exports that only in this way.
@_spi(_Unicode) import Swift

extension String {
    /// The text in normalization form C (UAX #15).
    package var normalized: String {
        utf8.allSatisfy { $0 < 0x80 } ? self : String(UnicodeScalarView(_nfc))
    }
}
