/// Stops the process when a call of libcrypto that cannot fail with sound arguments has failed: its memory or its
/// random source is exhausted, or its installation is broken, and any answer would be a guess.
func requireSuccess(_ status: Int32) {
    precondition(status == 1, "libcrypto failed")
}
