/// Why memory could not be created or adopted.
package enum SharedMemoryError: Error, Equatable {
    /// A system call failed with that `errno`.
    case system(call: String, code: Int32)
    /// The descriptor is not memory made by this version of the program: it is not sealed, or has another layout.
    case incompatible
}
