import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let documents: [Endpoint] = [writeDocument, listDocuments, readDocument]

    private static let name = Parameter("name", Document.name, "The document's name")

    private static let listDocuments = Endpoint(
        .get, "/api/data", operation: "listDocuments", tag: .documents, access: .user,
        summary: "List the names of your documents",
        description: "The first 1,000, ordered by name, without their values. `next_cursor` is always null.",
        answers: [Answer(.ok, "The names", .list(of: Document.summary.schema))]
    ) { context in
        let documents = try Document.list(of: context.user.id, on: context.connection)
        return .json(["items": .array(documents), "next_cursor": .null])
    }

    private static let readDocument = Endpoint(
        .get, "/api/data/{name}", operation: "getDocument", tag: .documents, access: .user,
        summary: "Read a document", parameters: [name],
        answers: [Answer(.ok, "The document", Document.resource.schema)],
        examples: [Example("Read a document", path: ["name": "numbers"])]
    ) { context in
        let name = context.path("name")
        guard Document.name.violations(in: .string(name)).isEmpty,
            let document = try Document.find(name, of: context.user.id, on: context.connection)
        else { throw Problem.notFound }
        return .json(document)
    }

    private static let writeDocument = Endpoint(
        .put, "/api/data/{name}", operation: "storeDocument", tag: .documents, access: .user,
        summary: "Store a document",
        description: "Creates the document, or replaces the one that has this name. Flows read it with `data.fetch`.",
        parameters: [name],
        body: .json(Document.change.schema),
        answers: [Answer(.ok, "The document", Document.resource.schema)],
        examples: [
            Example("Store some numbers", path: ["name": "numbers"], body: ["value": [3, 5, 8, 13]])
        ]
    ) { context in
        let name = context.path("name")
        let value = context.input["value"] ?? .null
        let violations = Document.name.violations(in: .string(name))
        guard violations.isEmpty else { throw Problem(.badRequest, "The name must have 1 to 200 characters") }
        let userID = try context.user.id
        let store = Document.storing(value, as: name, of: userID)
        if Document.change.hasServerMembers(context.input) {
            try context.connection.transaction { connection in
                let present = try Document.find(name, of: userID, locked: true, on: connection)
                try Document.change.check(context.input, against: present)
                try connection.execute(store)
            }
        } else {
            try context.connection.execute(store)
        }
        guard let document = try Document.find(name, of: userID, on: context.connection) else {
            throw Problem.notFound
        }
        return .json(document)
    }
}
