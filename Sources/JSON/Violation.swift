/// One mistake in a value, described so that its author can correct it.
package struct Violation: Sendable, Equatable {
    /// The location as a JSON pointer (RFC 6901). A missing member has the pointer it would have if it were there.
    package let pointer: String
    /// The mistake, as the end of a sentence about that location: "must be a string". It may quote the value, but only
    /// the beginning of a long one.
    package let message: String
    /// What was probably meant: "did you mean 'email'?".
    package let hint: String?

    /// The maximum length of a message and of a hint, in Unicode scalars, without the ellipsis of a shortened one.
    private static let maximumLength = 500

    /// The schema of a pointer: escaped names (`JSONPointer`), and an index for each level.
    package static let pointerSchema = JSONSchema.string(maxLength: 5_000)
    /// The schema of a message and of a hint.
    package static let textSchema = JSONSchema.string(maxLength: maximumLength + 1)

    package init(pointer: String, message: String, hint: String? = nil) {
        self.pointer = pointer
        self.message = message.shortened(to: Violation.maximumLength)
        self.hint = hint?.shortened(to: Violation.maximumLength)
    }

    package init(at pointer: JSONPointer, _ message: String, hint: String? = nil) {
        self.init(pointer: pointer.description, message: message, hint: hint)
    }

    /// The hint for an unknown name, if a known one is similar.
    package static func didYouMean(_ name: String, among known: some Sequence<String>) -> String? {
        nearest(to: name, among: known).map { "did you mean '\($0)'?" }
    }
}
