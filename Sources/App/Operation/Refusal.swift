/// Why a command did nothing, in a sentence for the operator. It holds no secret.
package struct Refusal: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}
