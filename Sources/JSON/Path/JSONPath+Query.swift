extension JSONPath {
    /// A query from the root of the value, or from the current node of a filter (RFC 9535, sections 2.2 and 2.3.5).
    struct Query: Sendable {
        enum Origin: Sendable {
            case root
            case current
        }

        let origin: Origin
        let segments: [Segment]
        /// The same as `segments` if the query is singular, otherwise nil.
        let steps: [Step]?

        init(origin: Origin, segments: [Segment]) {
            self.origin = origin
            self.segments = segments
            let steps = segments.compactMap(\.step)
            self.steps = steps.count == segments.count ? steps : nil
        }

        var leadingNames: [String] {
            var names: [String] = []
            for segment in segments {
                guard case .name(let name) = segment.step else { break }
                names.append(name)
            }
            return names
        }

        /// Calls `body` with each query in the filters, at any depth.
        func visitQueriesInFilters(_ body: (Query) -> Void) {
            for segment in segments {
                for case .filter(let expression) in segment.selectors { expression.visitQueries(body) }
            }
        }

        /// Calls `body` with this query and with each in its filters.
        fileprivate func visitQueries(_ body: (Query) -> Void) {
            body(self)
            visitQueriesInFilters(body)
        }
    }

    /// What one segment selects: children of each node, or also of all its descendants (RFC 9535, section 2.5).
    struct Segment: Sendable {
        let isDescendant: Bool
        let selectors: [Selector]

        /// The segment as a step, if it selects at most one node.
        fileprivate var step: Step? {
            guard !isDescendant, selectors.count == 1 else { return nil }
            return switch selectors[0] {
            case .name(let name): .name(name)
            case .index(let index): .index(index)
            default: nil
            }
        }
    }

    /// From a node to one of its children. An index below zero counts from the end, except in a `NormalizedPath`.
    enum Step: Sendable {
        case name(String)
        case index(Int)
    }

    /// RFC 9535, section 2.3.
    enum Selector: Sendable {
        case name(String)
        case wildcard
        case index(Int)
        case slice(Slice)
        case filter(LogicalExpression)
    }

    /// RFC 9535, section 2.3.4. Absent bounds are the ends in the direction of the step.
    struct Slice: Sendable {
        let start: Int?
        let end: Int?
        let step: Int

        /// The indices in an array of `count` elements, in the order of the step; nil if there are none.
        func indices(in count: Int) -> StrideTo<Int>? {
            guard step != 0 else { return nil }
            let first = step > 0 ? 0 : -1
            let last = step > 0 ? count : count - 1
            let bound = { (bound: Int) in min(max(bound < 0 ? bound + count : bound, first), last) }
            let lower = start.map(bound) ?? (step > 0 ? first : last)
            let upper = end.map(bound) ?? (step > 0 ? last : first)
            return stride(from: lower, to: upper, by: step)
        }
    }

    /// RFC 9535, section 2.3.5.
    indirect enum LogicalExpression: Sendable {
        case or([LogicalExpression])
        case and([LogicalExpression])
        case not(LogicalExpression)
        /// Whether the query selects any node.
        case exists(Query)
        case comparison(Operand, ComparisonOperator, Operand)
        /// `match`, which compares the whole text, or `search`, which looks for a part of it.
        case matches(Operand, Pattern, isWhole: Bool)

        fileprivate func visitQueries(_ body: (Query) -> Void) {
            switch self {
            case .or(let terms), .and(let terms): for term in terms { term.visitQueries(body) }
            case .not(let term): term.visitQueries(body)
            case .exists(let query): query.visitQueries(body)
            case .comparison(let left, _, let right):
                left.visitQueries(body)
                right.visitQueries(body)
            case .matches(let operand, let pattern, _):
                operand.visitQueries(body)
                if case .operand(let operand) = pattern { operand.visitQueries(body) }
            }
        }
    }

    enum ComparisonOperator: Sendable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
    }

    /// What yields a value, or nothing (RFC 9535, section 2.4.1: ValueType).
    indirect enum Operand: Sendable {
        case literal(JSON)
        /// The query is singular.
        case node(Query)
        case length(Operand)
        case count(Query)
        case value(Query)

        fileprivate func visitQueries(_ body: (Query) -> Void) {
            switch self {
            case .literal: break
            case .node(let query), .count(let query), .value(let query): query.visitQueries(body)
            case .length(let operand): operand.visitQueries(body)
            }
        }
    }

    /// The regular expression of `match` or `search`.
    enum Pattern: Sendable {
        /// Written in the query; nil if it is not a string that conforms to RFC 9485, so that it matches nothing.
        case literal(IRegexp?)
        case operand(Operand)
    }
}
