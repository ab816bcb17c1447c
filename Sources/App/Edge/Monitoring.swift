package import Postgres

/// What the endpoints for operators show, and to whom.
package struct Monitoring: Sendable {
    package let access: MonitoringAccess
    /// The page of `GET /metrics`.
    package let metrics: @Sendable (Connection) -> String

    package init(access: MonitoringAccess, metrics: @escaping @Sendable (Connection) -> String) {
        self.access = access
        self.metrics = metrics
    }
}
