@testable import JSON

/// Parses a query. An error lies within the text; a query is the same when it is read as a part of a text.
func parseQuery(_ input: [UInt8]) {
    guard let text = String(validating: input, as: UTF8.self) else { return }
    do {
        let path = try JSONPath(parsing: text)
        var end = 0
        let part = try? JSONPath(in: input, from: 0, end: &end)
        precondition(end == input.count && part?.isSingular == path.isSingular)
        precondition(path.text == text && path.allLeadingNames.first == path.leadingNames)
    } catch {
        precondition(error.offset <= input.count && error.position.line >= 1 && error.position.column >= 1)
    }
}

/// Evaluates the query in the first line on the JSON in the others: all ways agree, a normalized path selects its node,
/// and the same evaluation costs the same.
func evaluateQuery(_ input: [UInt8]) {
    let (line, rest) = firstLine(of: input)
    guard let text = String(validating: line, as: UTF8.self), let path = try? JSONPath(parsing: text),
        let root = try? JSON(parsing: Array(rest))
    else { return }
    var (one, other) = (JSONPathBudget(visits: 50_000, results: 1_000), JSONPathBudget(visits: 50_000, results: 1_000))
    let values = Result { try path.values(in: root, budget: &one) }
    let again = Result { try path.values(in: root, budget: &other) }
    precondition((try? values.get()) == (try? again.get()))
    precondition(one.visits == other.visits && one.results == other.results)
    var more = JSONPathBudget()
    guard let values = try? values.get(), let nodes = try? path.nodes(in: root, budget: &more) else { return }
    precondition(nodes.map(\.value) == values && (values.count <= 1 || !path.isSingular))
    for node in nodes.prefix(10) {
        guard let normalized = try? JSONPath(parsing: node.path.description),
            let found = try? normalized.nodes(in: root, budget: &more)
        else {
            // Deeper values than a query of the maximum length can reach.
            precondition(node.path.description.utf8.count > JSONPath.maximumLength)
            continue
        }
        precondition(normalized.isSingular && found.map(\.value) == [node.value])
        precondition(found.map(\.path.description) == [node.path.description])
    }
}

/// Matches the regular expression in the first line with the others. libre2 accepts each translation that is not too
/// large, and what matches as a whole is found too.
func matchExpression(_ input: [UInt8]) {
    let (line, rest) = firstLine(of: input)
    guard let pattern = String(validating: line, as: UTF8.self), let text = String(validating: rest, as: UTF8.self),
        (try? IRegexpTranslation(of: pattern)) != nil
    else { return }
    do {
        let expression = try IRegexp(pattern)
        precondition(!expression.matches(text, isWhole: true) || expression.matches(text, isWhole: false))
    } catch {
        precondition(error == .tooLarge)
    }
}

private func firstLine(of input: [UInt8]) -> (ArraySlice<UInt8>, ArraySlice<UInt8>) {
    let end = input.firstIndex(of: UInt8(ascii: "\n")) ?? input.endIndex
    return (input[..<end], input[end...].dropFirst())
}
