/// Stops the process when a call of libcrypto that cannot fail with sound arguments has failed: its memory or its
/// random source is exhausted, or its installation is broken, and any answer would be a guess.
func requireSuccess(_ status: Int32) {
    precondition(status == 1, "libcrypto failed")
}

extension StaticString {
    /// libcrypto keeps the address of a parameter's name, so the text must stand still: that of a literal does, and a
    /// zero ends it.
    var cString: UnsafePointer<CChar> {
        unsafe UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
