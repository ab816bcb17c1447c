import HTTP
import JSON
import System

extension Request {
    /// The maximum length of a value in the query, in Unicode scalars.
    static let maximumQueryValueLength = 2_000

    /// The query's fields. Throws 400 for one that the endpoint does not declare.
    func fields<Input>(declaredBy endpoint: Endpoint<Input>) throws -> FormFields {
        if query.isEmpty || endpoint.isForServices { return FormFields.none }
        let controls = endpoint.query.filter(\.takesControls).map(\.name)
        guard let parsed = FormFields(parsing: query, takingControls: controls) else {
            throw Problem(.badRequest, "The query is not valid")
        }
        let fields = parsed.joining(endpoint.query.filter(\.schema.isArray).map(\.name))
        if let name = fields.duplicate { throw Problem(.badRequest, "The query names '\(name)' twice") }
        for field in fields.fields where !endpoint.query.contains(where: { $0.name == field.name }) {
            throw Problem(.badRequest, "Unknown query field '\(field.name)'")
        }
        for field in fields.fields where field.value.unicodeScalars.count > Request.maximumQueryValueLength {
            throw Problem(.badRequest, "'\(field.name)' is too long")
        }
        return fields
    }

    /// The body as JSON that satisfies the format's schema; null for a format without one.
    func input(_ format: BodyFormat, _ body: RequestBody) throws -> JSON {
        if case .file(let mediaTypes, _) = format, !mediaTypes.contains(where: { $0 == mediaType }) {
            throw unsupportedMediaType
        }
        guard let schema = format.schema, case .bytes(let body) = body else { return .null }
        if format.isOptional, body.isEmpty { return .object(JSONObject()) }
        let encoding = headers.list("content-encoding") ?? "identity"
        guard encoding == "identity" || encoding.lowercased() == "identity" else {
            throw Problem(.unsupportedMediaType)
        }
        let value: JSON
        switch mediaType {
        case "application/json": value = try parsed(body)
        case "application/x-www-form-urlencoded" where format.takesForm: value = try parsed(form: body)
        default: throw unsupportedMediaType
        }
        var violations = schema.violations(in: value)
        if let rules = format.rules {
            let known = violations
            for rule in rules(value) where !known.contains(where: { $0.pointer.hasSameBytes(as: rule.pointer) }) {
                violations.append(rule)
            }
        }
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        return value
    }

    /// The content type without parameters, in lower case; nil when it is not valid or names a charset other than
    /// UTF-8.
    private var mediaType: String? {
        guard let field = headers["content-type"] else { return nil }
        // Nearly every request sends exactly this, and parsing the field costs more than parsing the body.
        if field == "application/json" { return field }
        return MediaType(parsing: field).flatMap { $0.isUTF8 ? $0.name : nil }
    }

    private var unsupportedMediaType: Problem {
        Problem(.unsupportedMediaType, headers["content-type"] == nil ? "The header Content-Type is missing" : nil)
    }

    private func parsed(_ body: [UInt8]) throws -> JSON {
        do {
            return try JSON(parsing: body)
        } catch {
            throw Problem(error, in: body)
        }
    }

    /// A body of JSON without its content type, as curl sends it by default, is not a form: it is refused with 415.
    private func parsed(form body: [UInt8]) throws -> JSON {
        if body.first == UInt8(ascii: "{") { throw Problem(.unsupportedMediaType) }
        guard let text = String(validating: body, as: UTF8.self), let form = FormFields(parsing: text[...]) else {
            throw Problem(.badRequest, "The form is not valid")
        }
        if let name = form.duplicate { throw Problem(.badRequest, "The form names '\(name)' twice") }
        return .object(JSONObject(form.fields.map { .init(name: $0.name, value: .string($0.value)) }))
    }
}

extension Problem {
    /// The error of a body that was refused as JSON.
    init(_ error: JSONError, in body: [UInt8]) {
        let (code, message): (ProblemCode, String?) =
            switch error {
            case .empty: (.invalidJSON, "The call needs a JSON body")
            case .syntax:
                (
                    .invalidJSON,
                    TextPosition(ofSyntaxErrorIn: body).map {
                        "The body is not valid JSON at line \($0.line), column \($0.column)"
                    }
                )
            case .encoding: (.invalidJSON, "The body must be UTF-8 without a byte order mark")
            case .tooDeep: (.invalidJSON, "The body is nested too deeply")
            case .duplicateName(let name): (.duplicateName, "The body names '\(name)' twice")
            case .numberOutOfRange: (.numberOutOfRange, nil)
            case .tooLarge: (.contentTooLarge, nil)
            case .outOfMemory: (.unavailable, nil)
            case .tooManyMarks: (.invalidText, nil)
            case .tooManyMembers: (.tooManyMembers, nil)
            case .tooManyElements: (.tooManyElements, nil)
            }
        self.init(code, message, headers: code == .unavailable ? ["Retry-After": "1"] : [:])
    }
}
