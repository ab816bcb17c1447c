import HTTP
import JSON

extension Endpoint<Context> {
    /// Room for a value that means nothing: `true`.
    private static let longestFlag = 5
    private static let flag = JSONSchema.string(maxLength: longestFlag)

    static let status = Endpoint(
        .get, "/status", operation: "getStatus", tag: .service, access: .operators,
        summary: "Show what the pool does at the moment",
        description: "It has the fields of `flow-manager status`, which also works while no thread answers.",
        query: [
            Parameter("json", flag, "As JSON; it needs no value"),
            Parameter("full", flag, "With each thread; it needs no value"),
        ],
        usesDatabase: false,
        answers: [
            Answer(.ok, "The state of the pool", .string, contentType: "text/plain"),
            Answer(
                .ok, "The state of the pool",
                .object(required: ["pool": .string(maxLength: 100)], additional: .any).named("Status")),
        ],
        problems: [.notFound]
    ) { context in
        for name in ["json", "full"] where context.query[name]?.unicodeScalars.count ?? 0 > longestFlag {
            throw Problem(.badRequest, "The parameter '\(name)' needs no value")
        }
        return context.services.monitoring.status(
            StatusForm(isJSON: context.query["json"] != nil, isFull: context.query["full"] != nil))
    }
}
