/// The base32 alphabet without padding (RFC 4648, section 6), as authenticator apps read keys.
package enum Base32 {
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 8 + 4) / 5)
        var bits: UInt16 = 0
        var pending = 0
        for byte in bytes {
            bits = bits << 8 | UInt16(byte)
            pending += 8
            while pending >= 5 {
                pending -= 5
                text.append(character(bits >> pending))
            }
        }
        if pending > 0 { text.append(character(bits << (5 - pending))) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes, or nil unless `text` is what `encode` makes of them: upper case, no padding, unused last bits zero.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 5 / 8)
        var bits: UInt16 = 0
        var pending = 0
        for character in text {
            guard let value = value(character) else { return nil }
            bits = bits << 5 | value
            pending += 5
            guard pending >= 8 else { continue }
            pending -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> pending))
        }
        // Five remaining bits are a character that encodes no byte.
        return pending < 5 && bits & (1 << pending - 1) == 0 ? bytes : nil
    }

    /// The character for the lowest five bits.
    private static func character(_ bits: UInt16) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: bits & 31)
        return value < 26 ? UInt8(ascii: "A") + value : UInt8(ascii: "2") + value - 26
    }

    private static func value(_ character: UInt8) -> UInt16? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt16(character - UInt8(ascii: "A"))
        case UInt8(ascii: "2")...UInt8(ascii: "7"): UInt16(character - UInt8(ascii: "2") + 26)
        default: nil
        }
    }
}
