import CSodium

/// The standard base64 alphabet with padding (RFC 4648, section 4).
package enum Base64 {
    /// libsodium's encoder indexes no table with the bytes, so it may be given secrets.
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        // The last byte is for C's terminating zero.
        var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        unsafe bytes.withContiguousBytes { bytes in
            _ = unsafe sodium_bin2base64(
                &text, text.count, bytes.baseAddress, bytes.count, sodium_base64_VARIANT_ORIGINAL)
        }
        return String(decoding: text.dropLast(), as: UTF8.self)
    }
}
