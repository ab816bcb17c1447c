import Crypto
import HTTP
import JSON

extension Endpoint<Context> {
    static let description: [Endpoint] = [
        publishing(
            { openAPI }, at: "/openapi.json", operation: "getOpenAPI",
            summary: "Read this description as an OpenAPI 3.1 document"),
        publishing(
            { postman }, at: "/postman.json", operation: "getPostmanCollection",
            summary: "Read this description as a Postman collection",
            description: "For Postman's \"Import\": format v2.1. Set the variable `URL`, and run it from top to bottom."
        ),
    ]

    /// Made by the first call: they describe the list of endpoints, which these are part of.
    private static let openAPI = PublishedDocument(Routes.document)
    private static let postman = PublishedDocument(Routes.postmanCollection)

    private static func publishing(
        _ document: @escaping @Sendable () -> PublishedDocument, at path: String, operation: String, summary: String,
        description: String? = nil
    ) -> Endpoint {
        Endpoint(
            .get, path, operation: operation, tag: .service, access: .everyone, summary: summary,
            description: description, headers: [.ifNoneMatch],
            answers: [
                Answer(.ok, "The document", .any, headers: [.etag]),
                Answer(.notModified, "The version that `If-None-Match` names is current", headers: [.etag]),
            ]
        ) { context in document().response(to: context.request) }
    }
}

/// A large document that stays the same as long as the process runs: browsers keep it, and ask whether it is current.
private struct PublishedDocument: Sendable {
    private let response: Response
    private let tag: EntityTag

    init(_ value: JSON) {
        let text = JSONText(value)
        // As good as a counter: other contents have another digest.
        tag = EntityTag(version: Digest.sha256(text.bytes).prefix(7).reduce(0) { $0 << 8 | Int64($1) })
        response = .json(text, headers: ["ETag": tag.description, "Cache-Control": "no-cache"])
    }

    func response(to request: Request) -> Response {
        guard let known = request.headers["if-none-match"], tag.matches(ifNoneMatch: known) else { return response }
        return Response(status: .notModified, headers: ["ETag": tag.description, "Cache-Control": "no-cache"])
    }
}
