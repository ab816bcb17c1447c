import HTTP
import JSON

extension Endpoint<Context> {
    static let description: [Endpoint] = [openAPI, postman]

    private static let openAPI = Endpoint(
        .get, "/openapi.json", operation: "getOpenAPI", tag: .service, access: .everyone,
        summary: "Read this description as an OpenAPI 3.1 document",
        answers: [Answer(.ok, "The document", .any)]
    ) { _ in openAPIResponse }

    private static let postman = Endpoint(
        .get, "/postman.json", operation: "getPostmanCollection", tag: .service, access: .everyone,
        summary: "Read this description as a Postman collection",
        description: "For Postman's \"Import\": format v2.1. Set the variable `URL`, and run it from top to bottom.",
        answers: [Answer(.ok, "The collection", .any)]
    ) { _ in postmanResponse }

    /// Both are written once: they are large and never change.
    private static let openAPIResponse = Response.json(Routes.document)
    private static let postmanResponse = Response.json(Routes.postmanCollection)
}
