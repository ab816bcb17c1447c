import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let data: [Endpoint] = [listDocuments, readDocument, writeDocument]

    private static let listDocuments = Endpoint(
        .get, "/api/data", access: .user, summary: "The names of the caller's documents",
        answers: [
            Answer(
                .ok, "All of them, by name",
                ListQuery.schema(
                    of: .object(required: ["name": Document.name, "updated_at": .string(format: .dateTime)])))
        ]
    ) { context in
        let rows = try context.connection.query(
            "SELECT name, rfc3339(updated_at) FROM documents WHERE user_id = \(context.user.id) ORDER BY name LIMIT 1000"
        )
        let items = try rows.map { row in
            let (name, updatedAt) = try row.decode(String.self, String.self)
            return ["name": .string(name), "updated_at": .string(updatedAt)] as JSON
        }
        return .json(["items": .array(items), "next_cursor": .null])
    }

    private static let readDocument = Endpoint(
        .get, "/api/data/{name}", access: .user, summary: "One of the caller's documents",
        answers: [Answer(.ok, "The document", Document.schema)]
    ) { context in
        let name = context.parameters[0]
        guard Document.name.violations(in: .string(name)).isEmpty,
            let found = try Document.find(name, of: context.user.id, on: context.connection)
        else { throw Problem.notFound }
        return .json(Document.json(name, found.value, found.updatedAt))
    }

    private static let writeDocument = Endpoint(
        .put, "/api/data/{name}", access: .user, summary: "Keep a document under a name",
        body: .json(.object(required: ["value": .any]).named("DocumentValue")),
        answers: [Answer(.ok, "The document", Document.schema)]
    ) { context in
        let name = context.parameters[0]
        let value = context.input["value"] ?? .null
        let violations = Document.name.violations(in: .string(name))
        guard violations.isEmpty else { throw Problem.badRequest("The name is not valid") }
        try context.connection.execute(Document.storing(value, as: name, of: context.user.id))
        guard let kept = try Document.find(name, of: context.user.id, on: context.connection) else {
            throw Problem.notFound
        }
        return .json(Document.json(name, kept.value, kept.updatedAt))
    }
}
