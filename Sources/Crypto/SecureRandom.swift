import CCrypto

/// Unpredictable random values, from libcrypto's generator of this thread, which the kernel seeds.
package enum SecureRandom {
    package static func bytes(_ count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { bytes, written in
            unsafe fill(UnsafeMutableRawBufferPointer(bytes))
            written = count
        }
    }

    /// A secret as text: that many random bytes in base64url.
    package static func token(bytes count: Int) -> String {
        Base64URL.encode(bytes(count))
    }

    /// Uniform in [0, 1), each a multiple of 2⁻⁵³, so that all possible values are equally likely.
    package static func doubles(count: Int) -> [Double] {
        let words = unsafe [UInt64](unsafeUninitializedCapacity: count) { words, written in
            unsafe fill(UnsafeMutableRawBufferPointer(words))
            written = count
        }
        return words.map { Double($0 >> 11) * 0x1p-53 }
    }

    /// `length` characters of the alphabet, each equally likely.
    ///
    /// - Parameter alphabet: 1 to 256 distinct characters.
    package static func string(length: Int, alphabet: String) -> String {
        let characters = Array(alphabet)
        precondition((1...256).contains(characters.count), "an alphabet has 1 to 256 characters")
        // A byte from the incomplete last round would favour the first characters, so it is thrown away.
        let bound = 256 - 256 % characters.count
        var text = ""
        var remaining = length
        while remaining > 0 {
            let usable = bytes(remaining).filter { $0 < bound }
            text.append(contentsOf: usable.lazy.map { characters[Int($0) % characters.count] })
            remaining -= usable.count
        }
        return text
    }

    private static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let address = buffer.baseAddress else { return }
        requireSuccess(unsafe RAND_bytes_ex(nil, address, buffer.count, 256))
    }
}
