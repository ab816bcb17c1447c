/// Why memory could not be made or taken over.
package enum SharedMemoryError: Error, Equatable {
    /// A system call failed with that `errno`.
    case system(call: String, code: Int32)
    /// The descriptor is not of memory that this version of the program made: not sealed, or of another layout.
    case foreign
}
