import CSodium

/// The URL and file name safe base64 alphabet without padding (RFC 4648, section 5; RFC 7515, section 2).
///
/// libsodium's coder reads no table at places that depend on the bytes, so it may be given secrets.
package enum Base64URL {
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        // The last byte is for C's end of text.
        var text = [UInt8](repeating: 0, count: (bytes.count * 4 + 2) / 3 + 1)
        unsafe bytes.withContiguousBytes { bytes in
            _ = unsafe sodium_bin2base64(&text, text.count, bytes.baseAddress, bytes.count, variant)
        }
        return String(decoding: text.dropLast(), as: UTF8.self)
    }

    /// The bytes, or nil unless `text` is what `encode` makes of them: no padding, no white space, nothing outside
    /// the alphabet, unused last bits zero.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: text.count * 3 / 4)
        let status = unsafe text.withContiguousBytes { text in
            unsafe sodium_base642bin(
                &bytes, bytes.count, text.baseAddress, text.count, nil, nil, nil, variant)
        }
        return status == 0 ? bytes : nil
    }

    private static let variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING
}
