import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let health: [Endpoint] = [page, healthCheck, readiness]

    private static let page = Endpoint(
        .get, "/", operation: "getPage", tag: .service, access: .everyone, summary: "Show the start page",
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
        .get, "/health", operation: "getHealth", tag: .service, access: .everyone,
        summary: "Check that the process answers",
        description: "Says nothing about the database; `GET /ready` does.",
        answers: [
            Answer(.ok, "The process answers", .object(required: ["status": .constant("ok")]).named("Health"))
        ]
    ) { _ in alive }

    /// Made once: no other answer is requested more often.
    private static let alive = Response.json(["status": "ok"])

    private static let readiness = Endpoint(
        .get, "/ready", operation: "getReadiness", tag: .service, access: .everyone,
        summary: "Check that calls can be served",
        description: "The database must be reachable and its schema up to date.",
        answers: [
            Answer(.ok, "Calls can be served", .object(required: ["status": .constant("ready")]).named("Readiness"))
        ],
        problems: [.databaseUnavailable, .migrationsPending]
    ) { context in
        let obstacle: ProblemCode?
        do {
            let code = try context.services.obstacle(context.connection)
            obstacle = code.map { ProblemCode(rawValue: $0) ?? .unavailable }
        } catch is PostgresError {
            obstacle = .databaseUnavailable
        }
        if let obstacle { throw Problem(obstacle, headers: ["Retry-After": "2"]) }
        return .json(["status": "ready"])
    }
}
