import CCrypto

extension [UInt8] {
    /// Overwrites a secret with zeros, in a way that compilers do not optimise away, and empties the array.
    ///
    /// Copies that share the array's storage would keep the secret; there must be none.
    package mutating func wipe() {
        unsafe withUnsafeMutableBytes { bytes in unsafe OPENSSL_cleanse(bytes.baseAddress, bytes.count) }
        removeAll()
    }
}
