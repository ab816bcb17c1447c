import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let health: [Endpoint] = [page, healthCheck, readiness, openAPI]

    private static let page = Endpoint(
        .get, "/", access: .everyone, summary: "A page that says what this is",
        answers: [Answer(.ok, "The page", contentType: "text/html")]
    ) { _ in
        let html = """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>Flow Manager</title>
            <h1>Flow Manager</h1>
            <p>Log in, post a chain of tasks, get the answer; every run is on the record.</p>
            <ul>
            <li><a href="/openapi.json">The interface (OpenAPI)</a></li>
            <li><a href="/api/task-types">The task types</a></li>
            <li><a href="/health">Health</a></li>
            <li><a href="/ready">Readiness</a></li>
            </ul>
            </html>

            """
        return Response(
            status: .ok, headers: ["Content-Type": "text/html; charset=utf-8"], body: Array(html.utf8))
    }

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
