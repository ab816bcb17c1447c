/// What evaluations may cost. Several can share one budget.
///
/// It counts work, not time, so that a query that is evaluated again on the same value succeeds or fails alike.
package struct JSONPathBudget: Sendable {
    /// The nodes that may still be visited. Long texts that are compared, names that are looked up in large objects and
    /// regular expressions count as several, so that a visit takes about the same time everywhere.
    package private(set) var visits: Int
    /// The nodes that may still be selected. A text of all of them may be far longer than the value that was queried,
    /// because nodes contain one another: the caller bounds what it writes.
    package private(set) var results: Int

    package init(visits: Int = 1_000_000, results: Int = 100_000) {
        self.visits = visits
        self.results = results
    }

    /// Inlined, because it is called for each node.
    @inline(__always)
    mutating func visit(_ count: Int = 1) throws(JSONPathLimitError) {
        visits -= count
        guard visits >= 0 else { throw .visits }
    }

    @inline(__always)
    mutating func select() throws(JSONPathLimitError) {
        results -= 1
        guard results >= 0 else { throw .results }
    }
}

/// Why an evaluation was given up.
package enum JSONPathLimitError: Error, Equatable, CustomStringConvertible {
    /// It would visit more nodes than its budget has.
    case visits
    /// It would select more nodes than its budget has.
    case results
    /// It would recurse too deep: `JSONPathEvaluation.maximumDepth`.
    case depth
    /// A regular expression in the value conforms to RFC 9485, but is longer or has more states than is supported.
    case patternTooLarge

    package var description: String {
        switch self {
        case .visits: "the query visits too many nodes"
        case .results: "the query selects too many nodes"
        case .depth: "the query goes too deep"
        case .patternTooLarge: "a regular expression of the query is too large"
        }
    }
}
