import JSON
import System

/// The input that a flow defines for a task: a value, in which strings may be templates.
struct TaskInput: Sendable {
    /// As the flow has it.
    let definition: JSON
    /// The queries of its templates; none in an input that is the same in each run.
    let queries: [JSONPath]
    /// What the task evaluates itself; nil: nothing.
    let deferred: Deferred?
    /// The places of the strings that have queries.
    let queriedPaths: [[JSONPointer.Token]]
    private let form: Form

    private indirect enum Form: Sendable {
        case literal(JSON)
        case text(Template)
        case array([Form])
        case object([(name: String, value: Form)])

        var isLiteral: Bool { if case .literal = self { true } else { false } }
    }

    /// - Parameters:
    ///   - members: the members of the input that stay as they are, because the task evaluates them itself.
    ///   - deferred: what they mean.
    ///   - visit: called with each query, by the place of its string in the input, and with the reason why a string
    ///     with double braces is not a template.
    init(
        _ definition: JSON, leaving members: [String] = [], as deferred: Deferred? = nil,
        visit: ([JSONPointer.Token], Result<JSONPath, JSONPathSyntaxError>) -> Void
    ) {
        self.definition = definition
        self.deferred = deferred
        var queries: [JSONPath] = []
        var paths: [[JSONPointer.Token]] = []
        form = Self.form(of: definition, leaving: members, at: { [] }) { path, query in
            if case .success(let query) = query {
                queries.append(query)
                paths.append(path)
            }
            visit(path, query)
        }
        self.queries = queries
        queriedPaths = paths
    }

    private static func form(
        of value: JSON, leaving names: [String] = [], at path: () -> [JSONPointer.Token],
        _ visit: ([JSONPointer.Token], Result<JSONPath, JSONPathSyntaxError>) -> Void
    ) -> Form {
        switch value {
        case .string(let text) where Template.isPossible(in: text):
            do {
                let template = try Template(parsing: text)
                for query in template.queries { visit(path(), .success(query)) }
                return .text(template)
            } catch {
                visit(path(), .failure(error))
                return .literal(value)
            }
        case .array(let elements):
            var isLiteral = true
            let forms = elements.enumerated().map { index, element in
                let form = form(of: element, at: { path() + [.index(index)] }, visit)
                isLiteral = isLiteral && form.isLiteral
                return form
            }
            return isLiteral ? .literal(value) : .array(forms)
        case .object(let object):
            var isLiteral = true
            let forms = object.members.map { member in
                let isLeft = names.contains { $0.hasSameBytes(as: member.name) }
                let form =
                    isLeft
                    ? .literal(member.value) : form(of: member.value, at: { path() + [.name(member.name)] }, visit)
                isLiteral = isLiteral && form.isLiteral
                return (name: member.name, value: form)
            }
            return isLiteral ? .literal(value) : .object(forms)
        default: return .literal(value)
        }
    }

    /// Whether the value is the same in each run.
    var isLiteral: Bool { form.isLiteral }

    /// The problems of the input for a task with that schema, as far as they are known before a run: not those of
    /// values that templates will insert.
    func violations(of schema: JSONSchema) -> Violations {
        guard !isLiteral else { return schema.violations(in: definition) }
        return schema.violations(in: definition) { value in
            if case .string(let text) = value { Template.isPossible(in: text) } else { false }
        }
    }

    /// The input of a step.
    ///
    /// - Throws: the failure of the step: a query that must select a node selects none, or the value is too large.
    func value(in scope: RunScope) throws(TaskFailure) -> JSON {
        var allowance = Allowance()
        return try value(seeing: scope.root(for: queries), &allowance)
    }

    /// The same for this `$`.
    func value(seeing root: @autoclosure () -> JSON, _ allowance: inout Allowance) throws(TaskFailure) -> JSON {
        if case .literal(let value) = form { return value }
        var rendering = Rendering(root: root(), allowance: allowance)
        defer { allowance = rendering.allowance }
        let value = try rendering.value(of: form)
        guard value.fits(depth: JSONLimits.standard.depth) else {
            throw TaskFailure(code: "template_too_deep", message: "The templates of the input give too many levels")
        }
        return value
    }
}

extension TaskInput {
    /// What the templates of a step may still cost and give.
    struct Allowance {
        var budget = JSONPathBudget()
        /// The size of what they insert, in approximate bytes of JSON text: that of a whole record.
        var room = 8 << 20

        /// Of a step that makes an input for each of many items.
        static var ofItems: Allowance {
            Allowance(budget: JSONPathBudget(visits: 20_000_000, results: 1_000_000), room: 64 << 20)
        }
    }

    /// One input that is being made.
    private struct Rendering {
        let root: JSON
        var allowance: Allowance

        mutating func value(of form: Form) throws(TaskFailure) -> JSON {
            switch form {
            case .literal(let value): return value
            case .text(let template):
                if let query = template.soleQuery { return try value(of: query) }
                return .string(try text(of: template))
            case .array(let forms):
                var elements: [JSON] = []
                elements.reserveCapacity(forms.count)
                for form in forms { elements.append(try value(of: form)) }
                return .array(elements)
            case .object(let members):
                var object = JSONObject()
                for member in members { object[member.name] = try value(of: member.value) }
                return .object(object)
            }
        }

        /// The value of the node that a singular query selects, or those of all nodes in an array.
        private mutating func value(of query: JSONPath) throws(TaskFailure) -> JSON {
            let value: JSON?
            do {
                value =
                    query.isSingular
                    ? try query.firstValue(in: root, budget: &allowance.budget)
                    : .array(try query.values(in: root, budget: &allowance.budget))
            } catch {
                throw TaskFailure(code: "template_too_large", message: "\(query.text): \(error)")
            }
            guard let value else {
                throw TaskFailure(code: "template_empty", message: "\(query.text) selects nothing")
            }
            allowance.room -= value.weight(upTo: allowance.room + 1)
            guard allowance.room >= 0 else { throw TaskFailure.templateTooLarge }
            return value
        }

        /// Strings as they are, other values as compact JSON.
        private mutating func text(of template: Template) throws(TaskFailure) -> String {
            var text = ""
            for part in template.parts {
                switch part {
                case .text(let literal): text += literal
                case .query(let query):
                    let value = try value(of: query)
                    if case .string(let string) = value { text += string } else { text += value.text }
                }
            }
            return text
        }
    }
}

extension TaskFailure {
    fileprivate static let templateTooLarge = TaskFailure(
        code: "template_too_large", message: "The templates of the input give too much")
}
