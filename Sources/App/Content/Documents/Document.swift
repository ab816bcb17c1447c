import Flows
import JSON

/// A JSON document that a user has stored under a name: what `data.fetch` reads and `data.store` writes.
enum Document {
    /// The name of a new document: any path can hold it.
    static let name = JSONSchema.string(minLength: 1, maxLength: 128)
    /// Names may be longer, and contain any character, of documents that were stored when all names were allowed.
    static let anyName = JSONSchema.string(minLength: 1, maxLength: 200)

    static let nameRule = "1 to 128 characters without /, \\ and control characters, and not . or .."

    private static let updatedAt = Column.time("updated_at").described("When it was last stored")

    static let resource = Resource(
        "Document", .text("name", anyName), .json("value").described("The stored JSON value"), updatedAt)

    /// What a client stores.
    static let change = ResourceChange(
        JSONSchema.object(required: ["value": JSONSchema.any.described("Any JSON value")]).named("DocumentValue"),
        of: resource.schema, figures: ["updated_at"])

    /// The members of a document in a list.
    static let summary = Resource("DocumentSummary", .text("name", anyName), updatedAt)

    /// Whether a new document may have the name.
    static func permits(_ text: String) -> Bool {
        name.violations(in: .string(text)).isEmpty && text != "." && text != ".."
            && !text.unicodeScalars.contains { $0 == "/" || $0 == "\\" || $0.properties.generalCategory == .control }
    }

    /// Whether a document may have had the name.
    static func permitted(_ text: String) -> Bool { anyName.violations(in: .string(text)).isEmpty }

    /// The name of the document that a task reads, or nil. Throws `TaskFailure` for a name that no document has.
    static func name(in input: JSON) throws -> String? {
        try name(in: input, fitting: permitted, "1 to 200 characters")
    }

    /// The name under which a task stores a document, or nil. Throws `TaskFailure` for a name that is not valid.
    static func newName(in input: JSON) throws -> String? { try name(in: input, fitting: permits, nameRule) }

    /// What is wrong with the name in the input that a flow defines for a task.
    static func mistakes(in input: JSON, isNew: Bool) -> Violations {
        guard let name = input["name"], !name.isTemplate else { return [] }
        guard let text = name.stringValue, isNew ? permits(text) : permitted(text) else {
            return [Violation(at: ["name"], "must be a string of \(isNew ? nameRule : "1 to 200 characters")")]
        }
        return []
    }

    private static func name(
        in input: JSON, fitting isValid: (String) -> Bool, _ rule: String
    ) throws -> String? {
        guard let value = input["name"] else { return nil }
        guard let text = value.stringValue, isValid(text) else {
            throw TaskFailure(code: "invalid_input", message: "name must be a string of \(rule)")
        }
        return text
    }
}
