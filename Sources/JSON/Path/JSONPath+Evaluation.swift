extension JSONPath {
    /// One node that a query selects, and where it is.
    package struct LocatedNode: Sendable {
        package let path: NormalizedPath
        package let value: JSON
    }

    /// The values of the nodes that the query selects, in the order of RFC 9535, and members of objects in theirs.
    package func values(in root: JSON, budget: inout JSONPathBudget) throws(JSONPathLimitError) -> [JSON] {
        var evaluation = JSONPathEvaluation(root: root, budget: budget)
        defer { budget = evaluation.budget }
        if let steps = query.steps {
            guard let value = try evaluation.node(at: steps, from: root) else { return [] }
            try evaluation.budget.select()
            return [value]
        }
        var selection = JSONPathSelection(.values, isResult: true)
        _ = try evaluation.select(query.segments, 0, from: root, into: &selection)
        return selection.values
    }

    /// The same nodes with their locations, which take more time and memory.
    package func nodes(in root: JSON, budget: inout JSONPathBudget) throws(JSONPathLimitError) -> [LocatedNode] {
        var evaluation = JSONPathEvaluation(root: root, budget: budget)
        defer { budget = evaluation.budget }
        var selection = JSONPathSelection(.nodes, isResult: true)
        _ = try evaluation.select(query.segments, 0, from: root, into: &selection)
        return selection.nodes
    }

    /// The value of the first node; nil if the query selects none. It visits no more nodes than that takes.
    package func firstValue(in root: JSON, budget: inout JSONPathBudget) throws(JSONPathLimitError) -> JSON? {
        var evaluation = JSONPathEvaluation(root: root, budget: budget)
        defer { budget = evaluation.budget }
        if let steps = query.steps { return try evaluation.node(at: steps, from: root) }
        var selection = JSONPathSelection(.values, isResult: true, limit: 1)
        _ = try evaluation.select(query.segments, 0, from: root, into: &selection)
        return selection.values.first
    }
}

/// What one query has selected so far.
struct JSONPathSelection {
    /// What is kept of a node.
    enum Content {
        case nothing
        case values
        case nodes
    }

    private let content: Content
    /// Whether it is the result of an evaluation, not of a query in a filter.
    let isResult: Bool
    /// The number of nodes after which the query is over.
    private let limit: Int
    private(set) var count = 0
    private(set) var values: [JSON] = []
    private(set) var nodes: [JSONPath.LocatedNode] = []
    /// The location of the current node, if `content` is `.nodes`.
    private var steps: [JSONPath.Step] = []

    init(_ content: Content, isResult: Bool = false, limit: Int = .max) {
        self.content = content
        self.isResult = isResult
        self.limit = limit
    }

    /// Whether more nodes are wanted.
    mutating func add(_ node: JSON) -> Bool {
        count += 1
        switch content {
        case .nothing: break
        case .values: values.append(node)
        case .nodes: nodes.append(JSONPath.LocatedNode(path: NormalizedPath(steps: steps), value: node))
        }
        return count < limit
    }

    @inline(__always)
    mutating func enter(_ name: @autoclosure () -> String) {
        if content == .nodes { steps.append(.name(name())) }
    }

    @inline(__always)
    mutating func enter(_ index: Int) {
        if content == .nodes { steps.append(.index(index)) }
    }

    @inline(__always)
    mutating func leave() {
        if content == .nodes { steps.removeLast() }
    }
}
