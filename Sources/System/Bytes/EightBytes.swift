/// Tests of the eight bytes of a word at once. In a result the highest bit of a byte is set if the byte passes. Bytes
/// above one that passes may be marked too, so a result says whether any byte passes, not which one.
extension UInt64 {
    /// The highest bit of each byte; the other bits of a result have no meaning.
    @inlinable package static var highestBits: UInt64 { 0x8080_8080_8080_8080 }

    /// One in each byte, which spreads a byte over the word.
    @inlinable package static var ones: UInt64 { 0x0101_0101_0101_0101 }

    /// - Parameter limit: at most 128; bytes from 128 on never pass.
    @inlinable package func bytes(below limit: UInt8) -> UInt64 {
        (self &- Self.ones &* UInt64(limit)) & ~self
    }

    @inlinable package func bytes(equalTo byte: UInt8) -> UInt64 {
        let difference = self ^ Self.ones &* UInt64(byte)
        return (difference &- Self.ones) & ~difference
    }
}
