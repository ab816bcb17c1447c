extension Collection<UInt8> {
    /// Passes the bytes in contiguous memory, as C requires. They are copied only if the collection stores them in
    /// pieces.
    func withContiguousBytes<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        unsafe withContiguousStorageIfAvailable(body) ?? Array(self).withUnsafeBufferPointer(body)
    }
}
