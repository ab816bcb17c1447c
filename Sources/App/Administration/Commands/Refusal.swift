/// Why a command failed, as a message for the operator. It contains no secret.
package struct Refusal: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}
