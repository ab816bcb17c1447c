import JSON
import Testing

/// Evaluates the query in every way and checks that all agree; returns the values as JSON text.
func select(_ query: String, in document: String) throws -> String {
    let (path, root) = (try JSONPath(parsing: query), try JSON(parsing: Array(document.utf8)))
    var budget = JSONPathBudget()
    let values = try path.values(in: root, budget: &budget)
    let nodes = try path.nodes(in: root, budget: &budget)
    #expect(nodes.map(\.value) == values)
    #expect(try path.firstValue(in: root, budget: &budget) == values.first)
    if path.isSingular { #expect(values.count <= 1) }
    for node in nodes {
        // A normalized path is a singular query for its node, and its own normalized form.
        let normalized = try JSONPath(parsing: node.path.description)
        let found = try normalized.nodes(in: root, budget: &budget)
        #expect(normalized.isSingular)
        #expect(found.map(\.value) == [node.value])
        #expect(found.map(\.path.description) == [node.path.description])
    }
    return JSON.array(values).text
}

/// The normalized paths of the nodes.
func paths(_ query: String, in document: String) throws -> [String] {
    var budget = JSONPathBudget()
    let root = try JSON(parsing: Array(document.utf8))
    return try JSONPath(parsing: query).nodes(in: root, budget: &budget).map(\.path.description)
}

/// Whether the logical expression holds for a node of this value, with the document as the root.
func holds(_ expression: String, for node: String = "null", in document: String = "{}") throws -> Bool {
    let root = #"{"nodes":[\#(node)],"document":\#(document)}"#
    return try select("$.nodes[?\(expression)]", in: root) != "[]"
}

/// The error of a text that is not a query.
func syntaxError(_ query: String) -> JSONPathSyntaxError? {
    do {
        _ = try JSONPath(parsing: query)
        return nil
    } catch {
        return error
    }
}
