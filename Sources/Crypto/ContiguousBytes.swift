extension Collection<UInt8> {
    /// The bytes where they stand, as C wants them; copied first only if the collection keeps them in pieces.
    func withContiguousBytes<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        unsafe withContiguousStorageIfAvailable(body) ?? Array(self).withUnsafeBufferPointer(body)
    }
}
