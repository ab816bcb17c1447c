/// Filter expressions (RFC 9535, section 2.3.5) and function extensions (section 2.4).
extension JSONPathParser {
    /// An expression as it is written, before its type is checked.
    private enum Term {
        case literal(JSON)
        case query(JSONPath.Query)
        /// A function with a value as its result.
        case value(JSONPath.Operand, Function)
        /// A function with true or false as its result.
        case test(JSONPath.LogicalExpression, Function)
    }

    private enum Function: String, CaseIterable {
        case length, count, match, search, value

        var arguments: Int { self == .match || self == .search ? 2 : 1 }
    }

    /// Terms joined by `||`.
    mutating func logicalExpression() throws(JSONPathSyntaxError) -> JSONPath.LogicalExpression {
        var terms = [try conjunction()]
        while takeOperator("|") { terms.append(try conjunction()) }
        return terms.count == 1 ? terms[0] : .or(terms)
    }

    private mutating func conjunction() throws(JSONPathSyntaxError) -> JSONPath.LogicalExpression {
        var terms = [try basicExpression()]
        while takeOperator("&") { terms.append(try basicExpression()) }
        return terms.count == 1 ? terms[0] : .and(terms)
    }

    /// Consumes the doubled character and the blanks around it. Without it, nothing is consumed.
    private mutating func takeOperator(_ character: Unicode.Scalar) -> Bool {
        let start = index
        skipBlanks()
        guard take(character, character) else {
            index = start
            return false
        }
        skipBlanks()
        return true
    }

    private mutating func basicExpression() throws(JSONPathSyntaxError) -> JSONPath.LogicalExpression {
        if take("!") {
            skipBlanks()
            guard byte != UInt8(ascii: "!") else { throw failure("only one '!' may precede an expression") }
            return .not(try nested { parser throws(JSONPathSyntaxError) in try parser.negatedExpression() })
        }
        if take("(") { return try parenthesized() }
        let start = index
        let left = try term()
        let end = index
        skipBlanks()
        guard let comparison = comparisonOperator() else {
            index = end
            return try test(left, at: start)
        }
        skipBlanks()
        let rightStart = index
        let right = try term()
        return .comparison(
            try operand(left, at: start, "a comparison"), comparison, try operand(right, at: rightStart, "a comparison")
        )
    }

    /// What `!` negates: an expression in parentheses or a test, not a comparison.
    private mutating func negatedExpression() throws(JSONPathSyntaxError) -> JSONPath.LogicalExpression {
        if take("(") { return try parenthesized() }
        let start = index
        let expression = try test(try term(), at: start)
        let end = index
        skipBlanks()
        guard comparisonOperator() == nil else { throw failure("a negated comparison needs parentheses", at: start) }
        index = end
        return expression
    }

    private mutating func parenthesized() throws(JSONPathSyntaxError) -> JSONPath.LogicalExpression {
        skipBlanks()
        let expression = try nested { parser throws(JSONPathSyntaxError) in try parser.logicalExpression() }
        skipBlanks()
        guard take(")") else { throw failure("expected an operator or ')'") }
        return expression
    }

    private mutating func comparisonOperator() -> JSONPath.ComparisonOperator? {
        if take("=", "=") { return .equal }
        if take("!", "=") { return .notEqual }
        if take("<") { return take("=") ? .lessOrEqual : .less }
        if take(">") { return take("=") ? .greaterOrEqual : .greater }
        return nil
    }

    /// A term that is true or false by itself (section 2.3.5.1: test-expr).
    private func test(_ term: Term, at start: Int) throws(JSONPathSyntaxError) -> JSONPath.LogicalExpression {
        switch term {
        case .query(let query): return .exists(query)
        case .test(let expression, _): return expression
        case .literal: throw failure("a literal must be compared with something", at: start)
        case .value(_, let function):
            throw failure("the result of \(function.rawValue)() must be compared with something", at: start)
        }
    }

    /// A term as a value: of `context`, a comparison or a function.
    private func operand(
        _ term: Term, at start: Int, _ context: String
    ) throws(JSONPathSyntaxError) -> JSONPath.Operand {
        switch term {
        case .literal(let value): return .literal(value)
        case .value(let operand, _): return operand
        case .query(let query) where query.steps != nil: return .node(query)
        case .query:
            throw failure("\(context) takes a query that selects one node: names and single indices only", at: start)
        case .test(_, let function):
            throw failure("\(context) does not take the result of \(function.rawValue)()", at: start)
        }
    }

    private mutating func term() throws(JSONPathSyntaxError) -> Term {
        guard let byte else { throw failure("expected a query, a literal or a function") }
        switch byte {
        case UInt8(ascii: "$"):
            index += 1
            return .query(try query(from: .root))
        case UInt8(ascii: "@"):
            index += 1
            return .query(try query(from: .current))
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return .literal(.string(try quotedString()))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .literal(try number())
        case UInt8(ascii: "a")...UInt8(ascii: "z"): return try word()
        default: throw failure("expected a query, a literal or a function")
        }
    }

    /// `true`, `false`, `null` or the call of a function.
    private mutating func word() throws(JSONPathSyntaxError) -> Term {
        let start = index
        while let byte, isDigit(byte) || byte == UInt8(ascii: "_") || isLowercaseLetter(byte) { index += 1 }
        let word = String(decoding: bytes[start..<index], as: UTF8.self)
        if take("(") {
            guard let function = Function(rawValue: word) else {
                let hint = nearest(to: word, among: Function.allCases.map(\.rawValue))
                throw failure("there is no function \(word.shortened(to: 40))()\(didYouMean(hint))", at: start)
            }
            return try nested { parser throws(JSONPathSyntaxError) in try parser.call(of: function, at: start) }
        }
        switch word {
        case "true": return .literal(.bool(true))
        case "false": return .literal(.bool(false))
        case "null": return .literal(.null)
        default: throw failure("expected a query, a literal or a function", at: start)
        }
    }

    private func didYouMean(_ name: String?) -> String { name.map { "; did you mean \($0)()?" } ?? "" }

    private func isLowercaseLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    /// The arguments after `(`, of the types that section 2.4 declares for the function.
    private mutating func call(of function: Function, at start: Int) throws(JSONPathSyntaxError) -> Term {
        let context = "\(function.rawValue)()"
        let plural = function.arguments == 1 ? "" : "s"
        let wrongCount = "\(context) takes \(function.arguments) argument\(plural)"
        var arguments: [(term: Term, start: Int)] = []
        skipBlanks()
        guard byte != UInt8(ascii: ")") else { throw failure(wrongCount) }
        repeat {
            skipBlanks()
            guard arguments.count < function.arguments else { throw failure(wrongCount) }
            let start = index
            arguments.append((try term(), start))
            skipBlanks()
        } while take(",")
        guard byte == UInt8(ascii: ")") else { throw failure("expected ',' or ')'") }
        guard arguments.count == function.arguments else { throw failure(wrongCount) }
        index += 1
        let (first, firstStart) = arguments[0]
        switch function {
        case .length: return .value(.length(try operand(first, at: firstStart, context)), function)
        case .count: return .value(.count(try nodes(first, at: firstStart, context)), function)
        case .value: return .value(.value(try nodes(first, at: firstStart, context)), function)
        case .match, .search:
            let text = try operand(first, at: firstStart, context)
            let pattern = try pattern(arguments[1].term, at: arguments[1].start, context)
            return .test(.matches(text, pattern, isWhole: function == .match), function)
        }
    }

    private func nodes(_ term: Term, at start: Int, _ context: String) throws(JSONPathSyntaxError) -> JSONPath.Query {
        guard case .query(let query) = term else { throw failure("\(context) takes a query", at: start) }
        return query
    }

    private func pattern(
        _ term: Term, at start: Int, _ context: String
    ) throws(JSONPathSyntaxError) -> JSONPath.Pattern {
        let operand = try operand(term, at: start, context)
        guard case .literal(let value) = operand else { return .operand(operand) }
        guard case .string(let text) = value else { return .literal(nil) }
        do {
            return .literal(try IRegexp(text))
        } catch {
            switch error {
            case .invalid: return .literal(nil)
            case .tooLarge: throw failure("the regular expression is too large", at: start)
            }
        }
    }
}
