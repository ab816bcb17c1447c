import HTTP
import JSON

/// What a call of a hook has brought: the input of the run, and by what the sender identifies the call.
struct HookContent {
    let body: JSON
    let headers: JSONObject
    let query: JSON

    /// The input of the run.
    var input: JSON { ["body": body, "headers": .object(headers), "query": query] }

    /// A call that its owner makes up.
    ///
    /// - Parameter fields: header fields; those that the hook does not name are left out.
    init(sample body: JSON, fields: JSON?, of hook: Hook) {
        self.body = body
        let given = fields?.objectValue?.members ?? []
        headers = JSONObject(
            hook.headers.compactMap { name in
                given.first { $0.name.lowercased() == name }.map { .init(name: name, value: $0.value) }
            })
        query = [:]
    }

    /// Reads a call. Throws 400, 415 and 422.
    init(_ request: Request, _ body: [UInt8], of hook: Hook) throws {
        self.body = try Self.value(of: body, request)
        query = try Self.fields(request.query, "The query is not valid")
        headers = JSONObject(
            hook.headers.compactMap { name in
                request.headers.list(name).map { .init(name: name, value: .string($0)) }
            })
        guard headers.members.allSatisfy({ $0.value.stringValue?.hasMarksInARow() != true }) else {
            throw Problem(.invalidText)
        }
        let problems = JSONSchema.any.violations(in: input)
        guard problems.isEmpty else { throw Problem.invalid(problems) }
    }

    private static func value(of body: [UInt8], _ request: Request) throws -> JSON {
        guard !body.isEmpty else { return .null }
        let coding = request.headers.list("content-encoding")?.lowercased() ?? "identity"
        let parsed = request.headers["content-type"].flatMap(MediaType.init(parsing:))
        guard coding == "identity", let parsed, parsed.isUTF8 else { throw unsupportedMediaType }
        let type = parsed.name
        if type == "application/x-www-form-urlencoded" {
            guard let text = String(validating: body, as: UTF8.self) else { throw invalidForm }
            return try fields(text[...], "The form is not valid")
        }
        guard type == "application/json" || type.hasPrefix("application/") && type.hasSuffix("+json") else {
            throw unsupportedMediaType
        }
        do {
            return try JSON(parsing: body)
        } catch {
            throw Problem(error, in: body)
        }
    }

    private static let unsupportedMediaType = Problem(
        .unsupportedMediaType, "The body must be application/json or application/x-www-form-urlencoded, in UTF-8")
    private static let invalidForm = Problem(.badRequest, "The form is not valid")

    /// Form-encoded text as an object of texts; the values of a repeated name become an array.
    private static func fields(_ text: Substring, _ message: String) throws -> JSON {
        guard let form = FormFields(parsing: text, takesControls: true) else { throw Problem(.badRequest, message) }
        var values = JSONObject()
        for field in form.fields {
            switch values[field.name] {
            case nil: values[field.name] = .string(field.value)
            case .array(let earlier)?: values[field.name] = .array(earlier + [.string(field.value)])
            case let earlier?: values[field.name] = [earlier, .string(field.value)]
            }
        }
        return .object(values)
    }
}

extension HookContent {
    /// By what the sender identifies the call, so that it is the same when the call is repeated; nil if by nothing.
    /// Throws 400 for one that is not 1 to 255 visible ASCII characters.
    ///
    /// - Parameter scheme: Stripe identifies an event in its body, which is signed, unlike the header fields.
    func deliveryID(_ request: Request, _ scheme: HookScheme?) throws -> String? {
        let names = ["webhook-id", "x-github-delivery", "idempotency-key"]
        let signed = scheme == .stripe ? body["id"]?.stringValue : nil
        guard let id = signed ?? names.lazy.compactMap({ request.headers[$0] }).first else { return nil }
        guard (1...255).contains(id.utf8.count), id.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw Problem(.badRequest, "The id of the delivery must be 1 to 255 visible ASCII characters")
        }
        return id
    }
}
