/// Stops the process when a libcrypto call fails that cannot fail with valid arguments: its memory or its random source
/// is exhausted, or its installation is broken, and no result could be trusted.
func requireSuccess(_ status: Int32) {
    precondition(status == 1, "libcrypto failed")
}

extension StaticString {
    /// libcrypto keeps the address of a parameter's name, so the text must not move: a literal does not, and a zero
    /// byte terminates it.
    var cString: UnsafePointer<CChar> {
        unsafe UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
