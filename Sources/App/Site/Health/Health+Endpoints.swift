import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let health: [Endpoint] = [healthCheck, readiness]

    private static let healthCheck = Endpoint(
        .get, "/health", operation: "getHealth", tag: .service, access: .everyone,
        summary: "Check that the process answers",
        description: "Says nothing about the database; `GET /ready` does.", rateClass: .unlimited,
        usesDatabase: false,
        answers: [
            Answer(.ok, "The process answers", .object(required: ["status": .constant("ok")]).named("Health"))
        ]
    ) { _ in healthy }

    /// Created once, because it is the most frequent answer.
    private static let healthy = Response.json(["status": "ok"])

    private static let readiness = Endpoint(
        .get, "/ready", operation: "getReadiness", tag: .service, access: .everyone,
        summary: "Check that calls can be served",
        description: "The database must be reachable and its schema up to date.", rateClass: .unlimited,
        answers: [
            Answer(.ok, "Calls can be served", .object(required: ["status": .constant("ready")]).named("Readiness"))
        ],
        problems: [.databaseUnavailable, .migrationsPending]
    ) { context in
        let failure: ProblemCode?
        do {
            failure = try context.services.readinessFailure(context.connection)
        } catch is PostgresError {
            failure = .databaseUnavailable
        }
        if let failure { throw Problem(failure, headers: ["Retry-After": "2"]) }
        return .json(["status": "ready"])
    }
}
