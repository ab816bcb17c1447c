/// One thing that is wrong in a value, said so that its author can put it right.
package struct Violation: Sendable, Equatable {
    /// Where, as a JSON pointer (RFC 6901). A missing member is pointed at as if it were there.
    package let pointer: String
    /// What, as the end of a sentence about that place: "must be a string".
    package let message: String
    /// What was probably meant: "did you mean 'email'?".
    package let hint: String?

    package init(pointer: String, message: String, hint: String? = nil) {
        self.pointer = pointer
        self.message = message
        self.hint = hint
    }

    package init(at pointer: JSONPointer, _ message: String, hint: String? = nil) {
        self.init(pointer: pointer.description, message: message, hint: hint)
    }

    /// The hint for a name that is none of the known ones, if one of them is near.
    package static func didYouMean(_ name: String, among known: some Sequence<String>) -> String? {
        nearest(to: name, among: known).map { "did you mean '\($0)'?" }
    }
}
