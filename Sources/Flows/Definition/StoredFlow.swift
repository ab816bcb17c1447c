package import JSON
package import Postgres

/// A version of a stored workflow, as far as running it needs.
package struct StoredFlow: Sendable {
    package let flow: JSON
    package let version: Int
    /// How many runs of the workflow may be under way at once; nil: any number.
    package let concurrency: Int?

    /// Also of a workflow that is deleted by now: its runs go on.
    package static func find(_ workflowID: String, version: Int, on connection: Connection) throws -> StoredFlow? {
        try read("WHERE w.id = \(workflowID)", version: "\(version)", on: connection)
    }

    /// The user's workflow in that version, the present one unless told.
    package static func find(
        _ workflowID: String, of userID: String, version: Int? = nil, on connection: Connection
    ) throws -> StoredFlow? {
        try read(
            "WHERE w.id = \(workflowID) AND w.user_id = \(userID) AND w.deleted_at IS NULL",
            version: version.map { "\($0)" } ?? "w.version", on: connection)
    }

    private static func read(_ condition: SQL, version: SQL, on connection: Connection) throws -> StoredFlow? {
        let rows = try connection.query(
            """
            SELECT v.flow, v.version, w.concurrency
            FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = \(version) \(condition)
            """)
        guard let row = rows.first else { return nil }
        let (flow, version, concurrency) = try row.decode(JSON.self, Int.self, Int?.self)
        return StoredFlow(flow: flow, version: version, concurrency: concurrency)
    }
}
