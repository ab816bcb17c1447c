import System

extension JSONSchema {
    /// All violations in the value, in its order; the time is linear in its size.
    ///
    /// - Parameter isUnknown: whether a value stands for one that is not known yet: it violates nothing.
    package func violations(in value: JSON, isUnknown: ((JSON) -> Bool)? = nil) -> Violations {
        var inspection = Inspection(isUnknown: isUnknown)
        inspection.inspect(value, self)
        return inspection.violations
    }
}

/// One pass over a value and its schema.
private struct Inspection {
    private struct Finding {
        /// From the location itself up to the root. It is extended as the recursion returns, so that a valid value
        /// costs nothing.
        var path: [JSONPointer.Token] = []
        let message: String
        let hint: String?
    }

    private let isUnknown: ((JSON) -> Bool)?
    private var findings: [Finding] = []
    /// The number of mistakes beyond those in `findings`.
    private var omitted = 0

    init(isUnknown: ((JSON) -> Bool)?) { self.isUnknown = isUnknown }

    private var count: Int { findings.count + omitted }

    var violations: Violations {
        var violations = Violations()
        for finding in findings {
            violations.append(
                Violation(at: JSONPointer(finding.path.reversed()), finding.message, hint: finding.hint))
        }
        violations.omit(omitted)
        return violations
    }

    private mutating func report(_ message: @autoclosure () -> String, hint: @autoclosure () -> String? = nil) {
        guard findings.count < Violations.maximumCount else {
            omitted += 1
            return
        }
        findings.append(Finding(message: message(), hint: hint()))
    }

    /// Takes over what was found in a part of the same value.
    private mutating func report(_ other: Inspection) {
        let room = Violations.maximumCount - findings.count
        findings += other.findings.prefix(room)
        omitted += other.omitted + max(0, other.findings.count - room)
    }

    private mutating func at(_ token: @autoclosure () -> JSONPointer.Token, _ body: (inout Inspection) -> Void) {
        let known = findings.count
        body(&self)
        for index in known..<findings.count { findings[index].path.append(token()) }
    }

    mutating func inspect(_ value: JSON, _ schema: JSONSchema) {
        if let isUnknown, isUnknown(value) { return }
        // One after the other, as a switch over both would copy both.
        switch schema.form {
        case .any: return inspectAny(value)
        case .unchecked: return
        case .null: if case .null = value { return }
        case .boolean: if case .bool = value { return }
        case .integer(let range):
            if case .integer(let number) = value { return inspect(number, range) }
            if case .unsigned = value { return report("must be at most \(range.upperBound)") }
        case .number(let range): if let number = value.doubleValue { return inspect(number, range) }
        case .string(let minimum, let maximum, let format):
            if case .string(let string) = value { return inspect(string, minimum, maximum, format) }
        case .choice(let choices, _): if case .string(let string) = value { return inspect(string, choices) }
        case .constant(let constant): return value == constant ? () : report("must be \(constant.text)")
        case .array(let element, let count):
            if case .array(let elements) = value { return inspect(elements, element, count) }
        case .object(let properties, let additional):
            if case .object(let object) = value { return inspect(object, properties, additional) }
        case .anyOf(let schemas): return inspect(value, anyOf: schemas)
        }
        report("must be \(schema.nouns.joined(separator: " or "))")
    }

    private mutating func inspect(_ number: Int64, _ range: ClosedRange<Int64>) {
        if number < range.lowerBound { report("must be at least \(range.lowerBound)") }
        if number > range.upperBound { report("must be at most \(range.upperBound)") }
    }

    private mutating func inspect(_ number: Double, _ range: ClosedRange<Double>?) {
        guard let range else { return }
        if number < range.lowerBound { report("must be at least \(JSON.number(range.lowerBound).text)") }
        if number > range.upperBound { report("must be at most \(JSON.number(range.upperBound).text)") }
    }
}

extension Inspection {
    /// A value of any form: only U+0000 is checked for.
    private mutating func inspectAny(_ value: JSON) {
        switch value {
        case .string(let string): inspectText(string)
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                at(.index(index)) { $0.inspectAny(element) }
            }
        case .object(let object):
            for member in object.members {
                at(.name(member.name)) {
                    $0.inspectName(member.name)
                    $0.inspectAny(member.value)
                }
            }
        default: break
        }
    }

    private mutating func inspectText(_ string: String) {
        if string.holdsNull { report("must not contain U+0000") }
    }

    private mutating func inspectName(_ name: String) {
        if name.holdsNull { report("must not have U+0000 in its name") }
    }

    private mutating func inspect(_ string: String, _ minimum: Int, _ maximum: Int?, _ format: JSONSchema.Format?) {
        inspectText(string)
        // No scalar has more than four bytes, so most strings need not be counted.
        if string.utf8.count < minimum * 4, string.unicodeScalars.count < minimum {
            report(minimum == 1 ? "must not be empty" : "must have at least \(minimum) characters")
        }
        if let maximum, string.utf8.count > maximum, string.unicodeScalars.count > maximum {
            report("must have at most \(maximum) character\(maximum == 1 ? "" : "s")")
        }
        if let format, !format.fits(string) { report("must be \(format.noun)") }
    }

    private mutating func inspect(_ string: String, _ choices: [String]) {
        guard !choices.contains(where: { $0.hasSameBytes(as: string) }) else { return }
        report(
            "must be one of \(choices.map { "'\($0)'" }.joined(separator: ", "))",
            hint: Violation.didYouMean(string, among: choices))
    }

    private mutating func inspect(_ elements: [JSON], _ schema: JSONSchema, _ count: ClosedRange<Int>) {
        let (minimum, maximum) = (count.lowerBound, count.upperBound)
        if elements.count < minimum {
            report(minimum == 1 ? "must not be empty" : "must have at least \(minimum) elements")
        }
        guard elements.count <= maximum else {
            return report("must have at most \(maximum) element\(maximum == 1 ? "" : "s")")
        }
        for (index, element) in elements.enumerated() {
            at(.index(index)) { $0.inspect(element, schema) }
        }
    }

    private mutating func inspect(
        _ object: JSONObject, _ properties: [JSONSchema.Property], _ additional: JSONSchema?
    ) {
        // A name that the object already has is not a hint for another name.
        lazy var unusedNames = properties.map(\.name).filter { object[$0] == nil }
        var missing = properties.count(where: \.isRequired)
        for member in object.members {
            let property = properties.firstIndex { $0.name.hasSameBytes(as: member.name) }
            if let property, properties[property].isRequired { missing -= 1 }
            at(.name(member.name)) {
                $0.inspectName(member.name)
                if let schema = property.map({ properties[$0].schema }) ?? additional {
                    $0.inspect(member.value, schema)
                } else {
                    $0.report("is not a known field", hint: Violation.didYouMean(member.name, among: unusedNames))
                }
            }
        }
        guard missing > 0 else { return }
        for property in properties where property.isRequired && object[property.name] == nil {
            at(.name(property.name)) { $0.report("is required") }
        }
    }

    /// A value that fits none of the schemas is checked against the nearest: of those for its type, the one with the
    /// fewest violations.
    private mutating func inspect(_ value: JSON, anyOf schemas: [JSONSchema]) {
        var nearest: Inspection?
        for schema in schemas where schema.takesType(of: value) {
            var inspection = Inspection(isUnknown: isUnknown)
            inspection.inspect(value, schema)
            guard inspection.count > 0 else { return }
            if inspection.count < nearest?.count ?? .max { nearest = inspection }
        }
        if let nearest {
            report(nearest)
        } else {
            report("must be \(schemas.flatMap(\.nouns).joined(separator: " or "))")
        }
    }
}

extension JSONSchema {
    /// The nouns for values of this schema in messages.
    fileprivate var nouns: [String] {
        switch form {
        case .any, .unchecked: ["any value"]
        case .null: ["null"]
        case .boolean: ["true or false"]
        case .integer: ["an integer"]
        case .number: ["a number"]
        case .string, .choice: ["a string"]
        case .constant(let value): [value.text]
        case .array: ["an array"]
        case .object: ["an object"]
        case .anyOf(let schemas): schemas.flatMap(\.nouns)
        }
    }

    fileprivate func takesType(of value: JSON) -> Bool {
        switch (form, value) {
        case (.any, _), (.unchecked, _), (.constant, _), (.null, .null), (.boolean, .bool), (.string, .string),
            (.choice, .string), (.integer, .integer), (.integer, .unsigned), (.number, .integer), (.number, .unsigned),
            (.number, .number), (.array, .array), (.object, .object):
            true
        case (.anyOf(let schemas), _): schemas.contains { $0.takesType(of: value) }
        default: false
        }
    }
}
