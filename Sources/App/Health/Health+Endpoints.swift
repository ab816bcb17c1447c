import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let health: [Endpoint] = [healthCheck, readiness, openAPI]

    private static let healthCheck = Endpoint(
        .get, "/health", access: .everyone, summary: "Whether the process answers",
        answers: [Answer(.ok, "It does", .object(required: ["status": .constant("ok")]))]
    ) { _ in alive }

    /// Written once: this answer is asked for more often than any other.
    private static let alive = Response.json(["status": "ok"])

    private static let readiness = Endpoint(
        .get, "/ready", access: .everyone, summary: "Whether the database is there and up to date",
        answers: [
            Answer(.ok, "Calls will be served", .object(required: ["status": .constant("ready")])),
            Answer(.unavailable, "Its code says why they will not", Problem.schema),
        ]
    ) { context in
        let obstacle: String?
        do {
            obstacle = try context.services.obstacle(context.connection)
        } catch is PostgresError {
            obstacle = "database_unavailable"
        }
        if let obstacle {
            throw Problem(.unavailable, obstacle, "The service is not ready", headers: ["Retry-After": "2"])
        }
        return .json(["status": "ready"])
    }

    private static let openAPI = Endpoint(
        .get, "/openapi.json", access: .everyone, summary: "This interface as an OpenAPI 3.1 document",
        answers: [Answer(.ok, "The document", .any)]
    ) { _ in
        .json(Routes.document)
    }
}
