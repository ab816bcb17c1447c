import HTTP
import JSON

extension Endpoint<Context> {
    static let monitoring: [Endpoint] = [metrics, status]

    private static let metrics = Endpoint(
        .get, "/metrics", operation: "getMetrics", tag: .service, access: .operators,
        summary: "Show the metrics of all processes, for Prometheus",
        answers: [Answer(.ok, "Prometheus' text format", .string, contentType: "text/plain")],
        problems: [.notFound]
    ) { context in
        Response(
            status: .ok, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
            body: Array(context.services.monitoring.metrics(context.connection).utf8))
    }
}
