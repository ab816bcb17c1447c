package import HTTP
package import Postgres

/// What the endpoints for operators show, and to whom.
package struct Monitoring: Sendable {
    package let access: MonitoringAccess
    /// The page of `GET /metrics`.
    package let metrics: @Sendable (Connection) -> String
    /// The answer of `GET /status`.
    package let status: @Sendable (StatusForm) -> Response

    package init(
        access: MonitoringAccess, metrics: @escaping @Sendable (Connection) -> String,
        status: @escaping @Sendable (StatusForm) -> Response
    ) {
        self.access = access
        self.metrics = metrics
        self.status = status
    }
}
