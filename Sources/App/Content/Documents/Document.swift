import Flows
import JSON

/// A JSON document that a user has stored under a name: what `data.fetch` reads and `data.store` writes.
enum Document {
    static let name = JSONSchema.string(minLength: 1, maxLength: 200)

    private static let updatedAt = Column.time("updated_at").described("When it was last stored")

    static let resource = Resource(
        "Document", .text("name", name), .json("value").described("The stored JSON value"), updatedAt)

    /// What a client stores.
    static let change = ResourceChange(
        JSONSchema.object(required: ["value": JSONSchema.any.described("Any JSON value")]).named("DocumentValue"),
        of: resource.schema)

    /// The members of a document in a list.
    static let summary = Resource("DocumentSummary", .text("name", name), updatedAt)

    /// The name in a task's input, or nil. Throws `TaskFailure` for a name that is not valid.
    static func name(in input: JSON) throws -> String? {
        guard let value = input["name"] else { return nil }
        guard let text = value.stringValue, name.violations(in: value).isEmpty else {
            throw TaskFailure(code: "invalid_input", message: "name must be a string of 1 to 200 characters")
        }
        return text
    }
}
