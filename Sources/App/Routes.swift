package import HTTP
package import JSON

/// The one list of endpoints.
package enum Routes {
    package static let all: [Endpoint<Context>] =
        Endpoint.site
        + Endpoint.health + Endpoint.accounts + Endpoint.sessions + Endpoint.apiKeys + Endpoint.secondFactors
        + Endpoint.guests + Endpoint.users + Endpoint.audit + Endpoint.runs + Endpoint.executions + Endpoint.data
        + Endpoint.posts + Endpoint.arrays + Endpoint.credits + Endpoint.prices + Endpoint.operations
        + Endpoint.records + Endpoint.workflows + Endpoint.workflowRuns

    /// The interface as an OpenAPI document, derived from the list.
    package static let document: JSON = OpenAPI.document(
        title: "Flow Manager", version: "0.1.0",
        summary: "Log in, post a chain of tasks, get the answer; every run is on the record.", endpoints: all)
}
