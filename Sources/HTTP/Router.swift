/// Finds the endpoint of a method and path: a tree of path segments, literals before parameters.
package struct Router<Context>: Sendable {
    private var root = Node()

    /// One position in the tree; `parameter` is taken when no literal fits.
    private struct Node: Sendable {
        var literals: [String: Node] = [:]
        var parameter: [Node] = []
        var endpoints: [Method: Endpoint<Context>] = [:]
    }

    package enum Match {
        /// The endpoint, and the values of its path parameters in order.
        case endpoint(Endpoint<Context>, parameters: [String])
        /// The path exists; the value of `Allow` says with which methods.
        case otherMethods(allow: String)
        case none
    }

    /// Two endpoints of one method and path are a mistake of the program.
    package init(_ endpoints: [Endpoint<Context>]) {
        for endpoint in endpoints {
            let segments = endpoint.path.split(separator: "/").map(String.init)
            Router.insert(endpoint, segments[...], into: &root)
        }
    }

    private static func insert(_ endpoint: Endpoint<Context>, _ segments: ArraySlice<String>, into node: inout Node) {
        guard let first = segments.first else {
            precondition(
                node.endpoints[endpoint.method] == nil, "two endpoints for \(endpoint.method) \(endpoint.path)")
            node.endpoints[endpoint.method] = endpoint
            return
        }
        if first.hasPrefix("{") {
            if node.parameter.isEmpty { node.parameter.append(Node()) }
            insert(endpoint, segments.dropFirst(), into: &node.parameter[0])
        } else {
            insert(endpoint, segments.dropFirst(), into: &node.literals[first, default: Node()])
        }
    }

    /// `HEAD` is answered wherever `GET` is (RFC 9110, section 9.3.2).
    package func match(method: String, path: Path) -> Match {
        var node = root
        var parameters: [String] = []
        for segment in path.segments {
            if let literal = node.literals[segment] {
                node = literal
            } else if let parameter = node.parameter.first {
                node = parameter
                parameters.append(segment)
            } else {
                return .none
            }
        }
        guard !node.endpoints.isEmpty else { return .none }
        let wanted = Method(rawValue: method).map { $0 == .head ? .get : $0 }
        if let wanted, let endpoint = node.endpoints[wanted] {
            return .endpoint(endpoint, parameters: parameters)
        }
        return .otherMethods(allow: Router.allow(Set(node.endpoints.keys)))
    }

    /// The value of `Allow` (RFC 9110, section 10.2.1).
    private static func allow(_ methods: Set<Method>) -> String {
        var methods = methods.union([.options])
        if methods.contains(.get) { methods.insert(.head) }
        return Method.allCases.filter(methods.contains).map(\.rawValue).joined(separator: ", ")
    }
}
