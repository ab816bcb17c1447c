import HTTP
import JSON

extension Endpoint<Context> {
    static let status = Endpoint(
        .get, "/status", operation: "getStatus", tag: .service, access: .operators,
        summary: "Show what the pool does at the moment",
        description: "It has the fields of `flow-manager status`, which also works while no thread answers.",
        query: [
            Parameter("json", .string, "As JSON; it needs no value"),
            Parameter("full", .string, "With each thread; it needs no value"),
        ],
        answers: [
            Answer(.ok, "The state of the pool", .string, contentType: "text/plain"),
            Answer(
                .ok, "The state of the pool",
                .object(required: ["pool": .string(maxLength: 100)], additional: .any).named("Status")),
        ],
        problems: [.notFound]
    ) { context in
        context.services.monitoring.status(
            StatusForm(isJSON: context.query["json"] != nil, isFull: context.query["full"] != nil))
    }
}
