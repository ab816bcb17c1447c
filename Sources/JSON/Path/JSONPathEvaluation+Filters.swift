/// Filter expressions (RFC 9535, section 2.3.5.2) and functions (section 2.4).
extension JSONPathEvaluation {
    /// Whether the expression is true for the current node.
    mutating func holds(
        _ expression: JSONPath.LogicalExpression, for node: JSON
    ) throws(JSONPathLimitError) -> Bool {
        try enter()
        defer { leave() }
        switch expression {
        case .or(let terms):
            for term in terms where try holds(term, for: node) { return true }
            return false
        case .and(let terms):
            for term in terms where try !holds(term, for: node) { return false }
            return true
        case .not(let term): return try !holds(term, for: node)
        case .exists(let query):
            if let steps = query.steps { return try self.node(at: steps, from: origin(of: query, node)) != nil }
            return try count(query, for: node, limit: 1) > 0
        case .comparison(let left, let comparison, let right):
            let left = try value(of: left, for: node)
            let right = try value(of: right, for: node)
            return try holds(left, comparison, right)
        case .matches(let operand, let pattern, let isWhole):
            return try matches(try value(of: operand, for: node), pattern, isWhole: isWhole, for: node)
        }
    }

    private func origin(of query: JSONPath.Query, _ node: JSON) -> JSON {
        query.origin == .root ? root : node
    }

    /// The number of nodes that the query selects, at most `limit`.
    private mutating func count(
        _ query: JSONPath.Query, for node: JSON, limit: Int = .max
    ) throws(JSONPathLimitError) -> Int {
        var selection = JSONPathSelection(.nothing, limit: limit)
        _ = try select(query.segments, 0, from: origin(of: query, node), into: &selection)
        return selection.count
    }

    /// Nil is the special result Nothing, which differs from JSON null.
    private mutating func value(
        of operand: JSONPath.Operand, for node: JSON
    ) throws(JSONPathLimitError) -> JSON? {
        switch operand {
        case .literal(let value): return value
        case .node(let query): return try self.node(at: query.steps ?? [], from: origin(of: query, node))
        case .length(let operand): return try length(of: try value(of: operand, for: node))
        case .count(let query): return .integer(Int64(try count(query, for: node)))
        case .value(let query):
            var selection = JSONPathSelection(.values, limit: 2)
            _ = try select(query.segments, 0, from: origin(of: query, node), into: &selection)
            guard selection.count == 1 else { return nil }
            return selection.values[0]
        }
    }

    /// Section 2.4.4: Unicode scalars of a string, elements of an array, members of an object.
    private mutating func length(of value: JSON?) throws(JSONPathLimitError) -> JSON? {
        switch value {
        case .string(let text):
            try budget.visit(text.utf8.count / 64)
            return .integer(Int64(text.unicodeScalars.count))
        case .array(let elements): return .integer(Int64(elements.count))
        case .object(let object): return .integer(Int64(object.count))
        default: return nil
        }
    }

    /// Sections 2.4.6 and 2.4.7.
    private mutating func matches(
        _ value: JSON?, _ pattern: JSONPath.Pattern, isWhole: Bool, for node: JSON
    ) throws(JSONPathLimitError) -> Bool {
        let expression: IRegexp?
        switch pattern {
        case .literal(let literal): expression = literal
        case .operand(let operand):
            guard case .string(let text) = try self.value(of: operand, for: node) else { return false }
            expression = try patterns.expression(text, &budget)
        }
        guard let expression, case .string(let text) = value else { return false }
        try budget.visit(expression.visits(for: text))
        return expression.matches(text, isWhole: isWhole)
    }
}
