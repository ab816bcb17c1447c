/// Mistakes in a value, in their order, bounded in number and size whatever the value is; those beyond are counted.
package struct Violations: Sendable, Equatable, RandomAccessCollection, ExpressibleByArrayLiteral {
    /// The maximum number that is listed. A value with more was not written for its schema.
    package static let maximumCount = 100
    /// The maximum of the bytes of texts that are listed, plus one violation.
    private static let maximumBytes = 64 << 10

    private var listed: [Violation] = []
    private var bytes = 0
    /// The number of violations that are not listed.
    package private(set) var omitted = 0

    package init() {}

    package init(arrayLiteral elements: Violation...) { self.init(elements) }

    package init(_ violations: some Sequence<Violation>) {
        for violation in violations { append(violation) }
    }

    /// Whether further violations are only counted.
    package var isFull: Bool { listed.count >= Self.maximumCount || bytes >= Self.maximumBytes }

    /// Adds a violation, or counts it if the list is full; then it is not even made.
    package mutating func append(_ violation: @autoclosure () -> Violation) {
        guard !isFull else {
            omitted += 1
            return
        }
        let violation = violation()
        bytes += violation.pointer.utf8.count + violation.message.utf8.count + (violation.hint?.utf8.count ?? 0)
        listed.append(violation)
    }

    /// Adds violations of a part of the value.
    ///
    /// - Parameter pointer: the location of the part.
    package mutating func append(contentsOf other: Violations, at pointer: String = "") {
        for violation in other.listed {
            append(
                Violation(pointer: pointer + violation.pointer, message: violation.message, hint: violation.hint))
        }
        omitted += other.omitted
    }

    /// Counts violations that are not known one by one.
    mutating func omit(_ count: Int) { omitted += count }

    package var startIndex: Int { listed.startIndex }
    package var endIndex: Int { listed.endIndex }
    package subscript(position: Int) -> Violation { listed[position] }
}
