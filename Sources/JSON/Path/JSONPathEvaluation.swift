import System

/// The evaluation of one query on one value.
///
/// It walks depth first from the root through all segments to each result, which gives the nodes in the order of
/// RFC 9535 without a nodelist for each segment: its memory is the results and one frame for each level.
struct JSONPathEvaluation {
    let root: JSON
    var budget: JSONPathBudget
    /// The regular expressions that were read from the value.
    var patterns = IRegexpCache()
    /// How deep the evaluation has recursed: segments, levels of descendants and expressions.
    private var depth = 0

    /// So deep an evaluation takes less than a quarter of the stack of a `NativeThread`. One query reaches each level
    /// of a value within this, and queries in its filters too.
    static let maximumDepth = 256

    init(root: JSON, budget: JSONPathBudget) {
        self.root = root
        self.budget = budget
    }

    /// The node of a singular query.
    mutating func node(at steps: [JSONPath.Step], from start: JSON) throws(JSONPathLimitError) -> JSON? {
        var node = start
        try budget.visit(steps.count + 1)
        for step in steps {
            switch (step, node) {
            case (.name(let name), .object(let object)):
                guard let index = try index(of: name, in: object) else { return nil }
                node = object.members[index].value
            case (.index(let index), .array(let elements)):
                let index = index < 0 ? index + elements.count : index
                guard elements.indices.contains(index) else { return nil }
                node = elements[index]
            default: return nil
            }
        }
        return node
    }

    /// Visits one more node, one level deeper. `leave` must follow.
    @inline(__always)
    mutating func enter() throws(JSONPathLimitError) {
        try budget.visit()
        depth += 1
        guard depth <= Self.maximumDepth else { throw .depth }
    }

    @inline(__always)
    mutating func leave() { depth -= 1 }

    /// Adds to the selection what the segments from `position` on select, beginning at `node`. False if it is complete.
    mutating func select(
        _ segments: [JSONPath.Segment], _ position: Int, from node: JSON, into selection: inout JSONPathSelection
    ) throws(JSONPathLimitError) -> Bool {
        try enter()
        defer { leave() }
        guard position < segments.count else {
            if selection.isResult { try budget.select() }
            return selection.add(node)
        }
        guard segments[position].isDescendant else {
            return try selectChildren(segments, position, of: node, into: &selection)
        }
        return try selectDescendants(segments, position, of: node, into: &selection)
    }

    /// The children of `node` and then, for each of its children, of those and their descendants.
    private mutating func selectDescendants(
        _ segments: [JSONPath.Segment], _ position: Int, of node: JSON, into selection: inout JSONPathSelection
    ) throws(JSONPathLimitError) -> Bool {
        try enter()
        defer { leave() }
        guard try selectChildren(segments, position, of: node, into: &selection) else { return false }
        switch node {
        case .array(let elements):
            for index in elements.indices {
                selection.enter(index)
                guard try selectDescendants(segments, position, of: elements[index], into: &selection) else {
                    return false
                }
                selection.leave()
            }
        case .object(let object):
            for index in object.members.indices {
                selection.enter(object.members[index].name)
                guard try selectDescendants(segments, position, of: object.members[index].value, into: &selection)
                else { return false }
                selection.leave()
            }
        default: break
        }
        return true
    }

    private mutating func selectChildren(
        _ segments: [JSONPath.Segment], _ position: Int, of node: JSON, into selection: inout JSONPathSelection
    ) throws(JSONPathLimitError) -> Bool {
        for selector in segments[position].selectors {
            let isIncomplete =
                switch node {
                case .object(let object):
                    try select(selector, in: object, segments, position + 1, into: &selection)
                case .array(let elements):
                    try select(selector, in: elements, segments, position + 1, into: &selection)
                default: true
                }
            guard isIncomplete else { return false }
        }
        return true
    }

    private mutating func select(
        _ selector: JSONPath.Selector, in object: JSONObject, _ segments: [JSONPath.Segment], _ position: Int,
        into selection: inout JSONPathSelection
    ) throws(JSONPathLimitError) -> Bool {
        switch selector {
        case .name(let name):
            guard let index = try index(of: name, in: object) else { return true }
            return try selectMember(index, of: object, segments, position, into: &selection)
        case .wildcard:
            for index in object.members.indices {
                guard try selectMember(index, of: object, segments, position, into: &selection) else { return false }
            }
        case .filter(let expression):
            for index in object.members.indices where try holds(expression, for: object.members[index].value) {
                guard try selectMember(index, of: object, segments, position, into: &selection) else { return false }
            }
        case .index, .slice: break
        }
        return true
    }

    private mutating func selectMember(
        _ index: Int, of object: JSONObject, _ segments: [JSONPath.Segment], _ position: Int,
        into selection: inout JSONPathSelection
    ) throws(JSONPathLimitError) -> Bool {
        selection.enter(object.members[index].name)
        let isIncomplete = try select(segments, position, from: object.members[index].value, into: &selection)
        selection.leave()
        return isIncomplete
    }

    private mutating func select(
        _ selector: JSONPath.Selector, in elements: [JSON], _ segments: [JSONPath.Segment], _ position: Int,
        into selection: inout JSONPathSelection
    ) throws(JSONPathLimitError) -> Bool {
        switch selector {
        case .index(let index):
            let index = index < 0 ? index + elements.count : index
            guard elements.indices.contains(index) else { return true }
            return try selectElement(index, of: elements, segments, position, into: &selection)
        case .slice(let slice):
            guard let indices = slice.indices(in: elements.count) else { return true }
            for index in indices {
                guard try selectElement(index, of: elements, segments, position, into: &selection) else { return false }
            }
        case .wildcard:
            for index in elements.indices {
                guard try selectElement(index, of: elements, segments, position, into: &selection) else { return false }
            }
        case .filter(let expression):
            for index in elements.indices where try holds(expression, for: elements[index]) {
                guard try selectElement(index, of: elements, segments, position, into: &selection) else { return false }
            }
        case .name: break
        }
        return true
    }

    private mutating func selectElement(
        _ index: Int, of elements: [JSON], _ segments: [JSONPath.Segment], _ position: Int,
        into selection: inout JSONPathSelection
    ) throws(JSONPathLimitError) -> Bool {
        selection.enter(index)
        let isIncomplete = try select(segments, position, from: elements[index], into: &selection)
        selection.leave()
        return isIncomplete
    }

    /// Objects have no index of their names, so that in large ones each lookup counts as several visits.
    private mutating func index(
        of name: String, in object: JSONObject
    ) throws(JSONPathLimitError) -> Int? {
        let members = object.members
        for index in members.indices where members[index].name.hasSameBytes(as: name) {
            if index >= 16 { try budget.visit(index / 16) }
            return index
        }
        if members.count >= 16 { try budget.visit(members.count / 16) }
        return nil
    }
}
