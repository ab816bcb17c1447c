import CCrypto

extension [UInt8] {
    /// Overwrites a secret with zeros, in a way that no compiler leaves out, and empties the array.
    ///
    /// Copies that share the array's storage keep the secret; there must be none.
    package mutating func wipe() {
        unsafe withUnsafeMutableBytes { bytes in unsafe OPENSSL_cleanse(bytes.baseAddress, bytes.count) }
        removeAll()
    }
}
