import JSON

/// The named schemas of one document, collected while it is written.
final class NamedSchemas {
    private var schemas: [String: JSON] = [:]

    /// The schema as it appears in the document: a reference if it has a name.
    func reference(to schema: JSONSchema) -> JSON { schema.render(into: &schemas) }

    /// All of them, by name.
    var json: JSON {
        .object(JSONObject(schemas.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: $0.value) }))
    }
}
