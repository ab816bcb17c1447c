/// Why memory could not be created or adopted.
package enum SharedMemoryError: Error, Equatable {
    /// A system call failed with that `errno`.
    case system(call: String, code: Int32)
    /// The descriptor or file is not memory made by this version of the program: it is not sealed, or has
    /// another layout.
    case incompatible
    /// The file or its folder belongs to another user, or other users may change it.
    case notPrivate
}
