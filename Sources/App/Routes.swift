package import HTTP
package import JSON

/// The list of all endpoints, in the order in which a new user needs them.
package enum Routes {
    package static let all: [Endpoint<Context>] =
        Endpoint.site + Endpoint.description + Endpoint.health + Endpoint.monitoring + Endpoint.accounts
        + Endpoint.sessions
        + Endpoint.runs + Endpoint.prices + Endpoint.executions + Endpoint.approvals
        + Endpoint.workflows + Endpoint.workflowRuns + Endpoint.schedules + Endpoint.hooks
        + Endpoint.endNotifications + Endpoint.documents + Endpoint.posts + Endpoint.arrays + Endpoint.operations
        + Endpoint.records + Endpoint.credits + Endpoint.apiKeys + Endpoint.credentials + Endpoint.secondFactors
        + Endpoint.guests + Endpoint.users + Endpoint.identities + Endpoint.removal + Endpoint.audit

    /// The maximum length of a body at any endpoint, in bytes.
    package static let maximumBodyLength = all.map(\.body.policy.limit).max() ?? 0

    /// The public description of the endpoints.
    package static let interface = Interface(
        title: "Flow Manager", version: "0.1.0",
        summary: "Log in, post a chain of tasks, get the answer. Every run is on record.",
        description: """
            Log in with `POST /login`, send the token as `Authorization: Bearer <token>`, and post a chain of tasks to
            `POST /flow-manager`: the answer says what each task gave. Every run stays readable under
            `/api/executions`. A flow that you run often is stored under `/api/workflows` and executed by its id.

            Bodies are JSON in UTF-8, at most \(BodyPolicy.memoryLimitText). Times are RFC 3339 in UTC; durations in
            requests are seconds. Ids are UUIDs. Fields that a body's schema does not name are refused. What was read
            can be changed and sent back whole: fields that only the server sets must have their present values, and
            those that change by themselves (`updated_at`, `storage`) have no effect. One slash at the end of
            a path makes no difference.

            Lists answer `items` and `next_cursor`: pass it as `cursor` to get the next page. They take `limit`, `sort`,
            `fields` and the filters that each of them names. `/api/data` is always in the order of names, without
            values, and takes only `limit`; `/api/task-types` and `/api/operations` are one page each. (curl needs `-g`
            for the brackets of filters such as `created_at[gte]`.)

            A POST that is sent with an `Idempotency-Key` takes effect once, however often it is repeated. Where a run
            is waited for, `Prefer: wait=20` says for how many seconds (maximum: 50).

            Calls are limited per minute, in classes that the calls name: `read`, `write`, `run` and `array`. All
            sessions and keys of a user count together. `RateLimit-Policy` has the class and its number, `RateLimit`
            what is left of it. A call beyond the limit is answered 429 with `Retry-After`, and does not count.

            Programs use API keys in place of tokens; each call names the scope that it needs. Browsers use cookies, and
            send `X-CSRF-TOKEN` with calls that change something. Tasks that have a price are paid with credits, and
            only when they succeed.
            """,
        endpoints: all, variables: ExampleVariables.all)

    /// The OpenAPI document, generated once.
    package static let document: JSON = interface.openAPI()

    /// The calls of the Postman collection by folder, in the order in which a user makes them.
    package static let folders = interface.folders(adding: [CookieMode.folder])

    /// The Postman collection, generated once.
    package static let postmanCollection: JSON = interface.postmanCollection(of: folders)
}
