import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let documents: [Endpoint] = [writeDocument, listDocuments, readDocument, deleteDocument, deleteNamed]

    private static let name = Parameter("name", Document.anyName, "The document's name")

    private static let listDocuments = Endpoint(
        .get, "/api/data", operation: "listDocuments", tag: .documents, access: .user,
        summary: "List the names of your documents, or read one",
        description: """
            A page of names in their order, without values. With `name`, the document of that name instead: so those \
            can be read that were stored under names that no path can hold.
            """,
        query: [
            Parameter("limit", .integer(1...100), "Maximum number of items. Default: 100"), .cursor,
            Parameter("name", Document.anyName, "The name of a document to read", takesControls: true),
        ],
        answers: [
            Answer(
                .ok, "The names, or the document",
                .anyOf([.list(of: Document.summary.schema), Document.resource.schema]))
        ],
        problems: [.notFound], examples: [Example("List the names of your documents", query: ["limit": "10"])]
    ) { context in
        if let name = context.query["name"] { return try read(name, context) }
        return .json(
            try Document.page(
                of: context.user.id, limit: ListQuery.limit(context.query, default: 100),
                after: context.query["cursor"], on: context.connection))
    }

    private static let readDocument = Endpoint(
        .get, "/api/data/{name}", operation: "getDocument", tag: .documents, access: .user,
        summary: "Read a document", parameters: [name],
        answers: [Answer(.ok, "The document", Document.resource.schema)],
        examples: [Example("Read a document", path: ["name": "numbers"])]
    ) { context in
        try read(context.path("name"), context)
    }

    private static func read(_ name: String, _ context: Context) throws -> Response {
        guard Document.permitted(name),
            let document = try Document.text(of: name, of: context.user.id, on: context.connection)
        else { throw Problem.notFound }
        return .json(document)
    }

    private static let writeDocument = Endpoint(
        .put, "/api/data/{name}", operation: "storeDocument", tag: .documents, access: .user,
        summary: "Store a document",
        description: """
            Creates the document, or replaces the one that has this name: \(Document.nameRule). Flows read it with \
            `data.fetch`.
            """,
        parameters: [Parameter("name", Document.name, "The document's name")],
        body: .json(Document.change.schema),
        answers: [Answer(.ok, "The document", Document.resource.schema)],
        problems: [.tooManyDocuments, .quotaExceeded],
        examples: [
            Example("Store some numbers", path: ["name": "numbers"], body: ["value": [3, 5, 8, 13]])
        ]
    ) { context in
        let name = context.path("name")
        let value = context.input["value"] ?? .null
        guard Document.permits(name) else {
            throw Problem(.badRequest, "The name must have \(Document.nameRule)")
        }
        let userID = try context.user.id
        // One statement stores and answers: another call may delete the document between two.
        func store(_ connection: Connection) throws -> Response {
            .json(try Document.store(value, as: name, of: userID, counting: context.storage, on: connection))
        }
        guard Document.change.hasServerMembers(context.input) else { return try store(context.connection) }
        return try context.connection.transaction { connection in
            let present = try Document.find(name, of: userID, locked: true, on: connection)
            try Document.change.check(context.input, against: present)
            return try store(connection)
        }
    }

    private static let deleteDocument = Endpoint(
        .delete, "/api/data/{name}", operation: "deleteDocument", tag: .documents, access: .user,
        summary: "Delete a document", parameters: [name],
        answers: [Answer(.noContent, "The document is deleted")],
        examples: [Example("Delete a document", path: ["name": "numbers"])]
    ) { context in
        try delete(context.path("name"), context)
    }

    private static let deleteNamed = Endpoint(
        .delete, "/api/data", operation: "deleteNamedDocument", tag: .documents, access: .user,
        summary: "Delete a document under a name that no path can hold",
        query: [Parameter("name", Document.anyName, "The document's name. Required", takesControls: true)],
        answers: [Answer(.noContent, "The document is deleted")], problems: [.notFound],
        examples: [Example("Delete a document by its name", query: ["name": "result"])]
    ) { context in
        guard let name = context.query["name"] else { throw Problem(.badRequest, "'name' is missing") }
        return try delete(name, context)
    }

    private static func delete(_ name: String, _ context: Context) throws -> Response {
        guard Document.permitted(name),
            try Document.delete(
                name, of: context.user.id, counting: context.storage, on: context.connection)
        else {
            throw Problem.notFound
        }
        return .noContent
    }
}
