import CSodium

/// The URL and file name safe base64 alphabet without padding (RFC 4648, section 5; RFC 7515, section 2).
package enum Base64URL {
    /// libsodium's encoder indexes no table with the bytes, so it may be given secrets.
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        // The last byte is for C's terminating zero.
        var text = [UInt8](repeating: 0, count: (bytes.count * 4 + 2) / 3 + 1)
        unsafe bytes.withContiguousBytes { bytes in
            _ = unsafe sodium_bin2base64(&text, text.count, bytes.baseAddress, bytes.count, variant)
        }
        return String(decoding: text.dropLast(), as: UTF8.self)
    }

    /// The bytes, or nil unless `text` is what `encode` makes of them: no padding, no white space, nothing outside
    /// the alphabet, unused last bits zero.
    ///
    /// The time depends on the text, which its sender knows; in constant time it would take a fifth of a short request.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        let values = values
        var bits: UInt32 = 0
        var pending = 0
        var seen: UInt8 = 0
        let bytes = unsafe text.withContiguousBytes { text in
            unsafe [UInt8](unsafeUninitializedCapacity: text.count * 3 / 4) { bytes, count in
                for index in text.indices {
                    let value = values[Int(unsafe text[index])]
                    seen |= value
                    bits = bits << 6 | UInt32(value)
                    pending += 6
                    guard pending >= 8 else { continue }
                    pending -= 8
                    unsafe bytes[count] = UInt8(truncatingIfNeeded: bits >> pending)
                    count += 1
                }
            }
        }
        // Six remaining bits are a character that encodes no byte.
        let isWhole = pending < 6 && bits & (1 << pending - 1) == 0
        return isWhole && seen < outside ? bytes : nil
    }

    /// The value of each byte as a character, or `outside`.
    private static let values = {
        var values = [UInt8](repeating: outside, count: 256)
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for (value, character) in alphabet.utf8.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    private static let outside: UInt8 = 64

    private static let variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING
}
