import CRE2
import System

/// A regular expression of RFC 9485, compiled by libre2, which matches in linear time and bounded memory.
///
/// It can be used by several threads at once: libre2 locks what it caches.
@safe final class IRegexp: @unchecked Sendable {
    enum Failure: Error, Equatable {
        /// It does not conform to RFC 9485.
        case invalid
        /// It conforms, but exceeds the maximum length, number of repetitions or size of the compiled program.
        case tooLarge
    }

    /// The maximum length in bytes.
    static let maximumLength = 1_000
    /// The memory in bytes that one may use: the compiled program and what is cached while it matches.
    private static let maximumMemory: Int64 = 1 << 20

    private let pattern: OpaquePointer
    private let instructions: Int

    init(_ text: String) throws(Failure) {
        let translation = try IRegexpTranslation(of: text).bytes
        var pattern: OpaquePointer?
        let outcome = unsafe cre2_compile(translation, translation.count, Self.maximumMemory, &pattern)
        guard outcome != CRE2_TOO_LARGE else { throw .tooLarge }
        guard outcome == CRE2_COMPILED, let pattern = unsafe pattern else { throw .invalid }
        unsafe self.pattern = pattern
        instructions = unsafe cre2_instructions(pattern)
    }

    deinit {
        unsafe cre2_release(pattern)
    }

    /// Whether the whole text matches, or else any part of it.
    func matches(_ text: String, isWhole: Bool) -> Bool {
        unsafe text.utf8Span.span.withUnsafeBufferPointer { utf8 in
            unsafe cre2_matches(pattern, utf8.baseAddress, utf8.count, isWhole)
        }
    }

    /// How many visits of nodes matching a text counts as. In the worst case, which is far from the usual one, libre2
    /// executes every instruction for each byte.
    func visits(for text: String) -> Int {
        1 + text.utf8.count * instructions / 1_024
    }
}

/// Regular expressions that are not literals of a query but values, compiled during one evaluation of it.
struct IRegexpCache {
    private static let capacity = 16
    /// Compiling takes about as long as so many visits.
    private static let visits = 1_000

    private var expressions: [TextKey: IRegexp?] = [:]

    /// Nil if the text does not conform to RFC 9485.
    mutating func expression(
        _ text: String, _ budget: inout JSONPathBudget
    ) throws(JSONPathLimitError) -> IRegexp? {
        try budget.visit(text.utf8.count / 64)
        if let known = expressions[TextKey(text)] { return known }
        try budget.visit(Self.visits)
        if expressions.count == Self.capacity { expressions.removeAll(keepingCapacity: true) }
        let compiled: IRegexp?
        do {
            compiled = try IRegexp(text)
        } catch {
            guard error == .invalid else { throw .patternTooLarge }
            compiled = nil
        }
        expressions[TextKey(text)] = .some(compiled)
        return compiled
    }
}
