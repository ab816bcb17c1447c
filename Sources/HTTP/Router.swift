/// Finds the endpoint of a method and path: a tree of path segments, literals before parameters.
///
/// It identifies endpoints by their position in the list that it was made from, so it does not depend on handlers.
package struct Router: Sendable {
    /// All nodes of the tree, by number; the root is the first.
    private var nodes = [Node()]

    /// One node; `parameter` is followed when no literal matches.
    private struct Node: Sendable {
        var literals: [String: Int] = [:]
        var parameter: Int?
        var endpoints: [Method: Int] = [:]
    }

    package enum Match {
        /// The position of the endpoint, and the values of its path parameters in order.
        case endpoint(at: Int, parameters: [String])
        /// The path exists; the value of `Allow` lists its methods.
        case otherMethods(allow: String)
        case none
    }

    /// Two endpoints with the same method and path are a programming error.
    package init<Context>(_ endpoints: [Endpoint<Context>]) {
        for (position, endpoint) in endpoints.enumerated() {
            var node = 0
            for segment in endpoint.path.split(separator: "/") {
                node = child(of: node, for: String(segment))
            }
            precondition(
                nodes[node].endpoints.updateValue(position, forKey: endpoint.method) == nil,
                "two endpoints for \(endpoint.method) \(endpoint.path)")
        }
    }

    private mutating func child(of node: Int, for segment: String) -> Int {
        let isParameter = segment.hasPrefix("{")
        if let existing = isParameter ? nodes[node].parameter : nodes[node].literals[segment] { return existing }
        nodes.append(Node())
        if isParameter {
            nodes[node].parameter = nodes.count - 1
        } else {
            nodes[node].literals[segment] = nodes.count - 1
        }
        return nodes.count - 1
    }

    /// `HEAD` is answered wherever `GET` is (RFC 9110, section 9.3.2).
    package func match(method: String, path: Path) -> Match {
        var node = 0
        var parameters: [String] = []
        for segment in path.segments {
            if let literal = nodes[node].literals[segment] {
                node = literal
            } else if let parameter = nodes[node].parameter {
                node = parameter
                parameters.append(segment)
            } else {
                return .none
            }
        }
        guard !nodes[node].endpoints.isEmpty else { return .none }
        let wanted = Method(rawValue: method).map { $0 == .head ? .get : $0 }
        if let wanted, let endpoint = nodes[node].endpoints[wanted] {
            return .endpoint(at: endpoint, parameters: parameters)
        }
        return .otherMethods(allow: Router.allow(Set(nodes[node].endpoints.keys)))
    }

    /// The value of `Allow` (RFC 9110, section 10.2.1).
    private static func allow(_ methods: Set<Method>) -> String {
        var methods = methods.union([.options])
        if methods.contains(.get) { methods.insert(.head) }
        return Method.allCases.filter(methods.contains).map(\.rawValue).joined(separator: ", ")
    }
}
