import HTTP
import JSON

extension Request {
    /// Scalars of one value in a query, whatever its parameter.
    static let longestQueryValue = 1_000

    /// The query's fields, of which the endpoint must know every one.
    func fields(declaredBy endpoint: Endpoint<Context>) throws -> FormFields {
        guard let fields = FormFields(parsing: query) else { throw Problem.badRequest("The query is not valid") }
        if let name = fields.duplicate { throw Problem.badRequest("The query names '\(name)' twice") }
        for field in fields.fields where !endpoint.query.contains(where: { $0.name == field.name }) {
            throw Problem.badRequest("Unknown query field '\(field.name)'")
        }
        for field in fields.fields where field.value.unicodeScalars.count > Request.longestQueryValue {
            throw Problem.badRequest("'\(field.name)' is too long")
        }
        return fields
    }

    /// The body as JSON that satisfies the format's schema; null where none is taken.
    func input(_ format: BodyFormat) throws -> JSON {
        guard let schema = format.schema else { return .null }
        if format.isOptional, body.isEmpty { return .object(JSONObject()) }
        let encoding = headers["content-encoding"] ?? "identity"
        guard encoding == "identity" else { throw Problem.unsupportedMediaType }
        let value: JSON
        switch mediaType {
        case "application/json": value = try parsedBody()
        case "application/x-www-form-urlencoded" where format.takesForm: value = try parsedForm()
        default: throw Problem.unsupportedMediaType
        }
        let violations = schema.violations(in: value)
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        return value
    }

    /// The content type without parameters, in lower case; nil when a charset other than UTF-8 is named.
    private var mediaType: String? {
        guard let field = headers["content-type"] else { return nil }
        // Nearly every body says just this, and taking a field apart costs more than reading the body.
        if field == "application/json" { return field }
        let parts = field.lowercased().split(separator: ";")
        let parameters = parts.dropFirst().map { $0.filter { $0 != " " && $0 != "\"" } }
        guard parameters.allSatisfy({ !$0.hasPrefix("charset=") || $0 == "charset=utf-8" }) else { return nil }
        return parts.first.map { String($0.filter { $0 != " " }) }
    }

    private func parsedBody() throws -> JSON {
        do {
            return try JSON(parsing: body)
        } catch {
            throw Problem(error)
        }
    }

    private func parsedForm() throws -> JSON {
        guard let text = String(validating: body, as: UTF8.self), let form = FormFields(parsing: text[...]) else {
            throw Problem.badRequest("The form is not valid")
        }
        if let name = form.duplicate { throw Problem.badRequest("The form names '\(name)' twice") }
        return .object(JSONObject(form.fields.map { .init(name: $0.name, value: .string($0.value)) }))
    }
}

extension Problem {
    init(_ error: JSONError) {
        switch error {
        case .empty: self = .badRequest("A JSON body is needed", code: "invalid_json")
        case .syntax: self = .badRequest("The body is not valid JSON", code: "invalid_json")
        case .encoding: self = .badRequest("The body is not UTF-8 without a byte order mark", code: "invalid_json")
        case .tooDeep: self = .badRequest("The body is nested too deeply", code: "invalid_json")
        case .duplicateName(let name): self = .badRequest("The body names '\(name)' twice", code: "duplicate_name")
        case .numberOutOfRange: self = .badRequest("A number is out of range", code: "number_out_of_range")
        case .tooLarge: self = Problem(.contentTooLarge, "content_too_large", "The body is too large")
        case .tooManyMarks: self = Problem(.unprocessable, "invalid_text", "A text piles up combining marks")
        case .tooManyMembers: self = Problem(.unprocessable, "too_many_members", "An object has too many members")
        case .tooManyElements: self = Problem(.unprocessable, "too_many_elements", "An array has too many elements")
        }
    }
}
